/** What narrows one run of a policy: words that the command line and the API have in common. */

import { PatternError, parsePattern, refuseForeign } from './wildcards.ts'

/** By what a policy's filters can be narrowed further. */
export const FILTER_KEYS = ['name', 'tag', 'resource', 'label'] as const
export type FilterKey = (typeof FILTER_KEYS)[number]

export interface Shard {
  /** From 1 on. */
  readonly index: number
  readonly count: number
}

/** `I/N`: the I-th of N parts; undefined for what is not that. */
export function parseShard(text: string): Shard | undefined {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text)
  const [index, count] = [Number(match?.[1]), Number(match?.[2])]
  return match && index >= 1 && index <= count ? { index, count } : undefined
}

/** What stands in a file is checked as it is loaded; this is not in one. Why it is not valid, and perhaps what to write instead. */
export function patternProblem(key: FilterKey, pattern: string): { message: string; hint?: string } | undefined {
  if (key === 'resource') {
    return ['image', 'chart', 'all'].includes(pattern) ? undefined : { message: 'a resource is image, chart or all' }
  }
  try {
    if (key === 'label') parsePattern(pattern)
    else refuseForeign(pattern, key)
    return undefined
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    const { message, hint } = error
    return { message: `\`${pattern}\` is not a valid pattern: ${message}`, ...(hint === undefined ? {} : { hint }) }
  }
}
