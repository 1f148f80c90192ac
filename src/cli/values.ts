/** The values of options: numbers, durations, rates, patterns; each refused with what it should have been. */

import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../config/duration.ts'
import { parseRate, parseSize } from '../config/size.ts'
import { PatternError, parsePattern, refuseForeign } from '../core/wildcards.ts'

/** A whole number from 1 on. */
export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1 on.')
  }
  return value
}

/** `30s`, `5m`, `2h`, `7d` in milliseconds. */
export function duration(text: string): number {
  const value = parseDuration(text)
  if (value === undefined || value <= 0) {
    throw new InvalidArgumentError('It must be a duration such as 30s, 5m, 2h or 7d.')
  }
  return value
}

/** As `duration`, and `0s` for not at all. */
export function durationOrNone(text: string): number {
  return parseDuration(text) === 0 ? 0 : duration(text)
}

/** `50MiB/s` in bytes a second; `/s` may be left out. */
export function rate(text: string): number {
  const value = parseRate(text) ?? parseSize(text)
  if (value === undefined || value < 1) {
    throw new InvalidArgumentError('It must be a rate such as 50MiB/s or 500KB/s.')
  }
  return value
}

/** A URL of a server, without a path. */
export function origin(text: string): string {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url?.pathname !== '/' || url.search !== '' || url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('It must be a URL without a path, such as https://pulls.example.com.')
  }
  return url.origin
}

/** `I/N`: the I-th of N parts. */
export function shard(text: string): { readonly index: number; readonly count: number } {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text)
  const index = Number(match?.[1])
  const count = Number(match?.[2])
  if (!match || index < 1 || index > count) {
    throw new InvalidArgumentError('It must be I/N, the I-th of N parts, such as 1/4.')
  }
  return { index, count }
}

export const FILTER_KEYS = ['name', 'tag', 'resource', 'label'] as const

export type FilterFlags = Readonly<Record<string, readonly string[]>>

/** `KEY=PATTERN`, added to those before. */
export function filter(text: string, previous: FilterFlags = {}): FilterFlags {
  const equals = text.indexOf('=')
  const key = text.slice(0, equals)
  const pattern = text.slice(equals + 1)
  if (equals < 1 || !FILTER_KEYS.some((known) => known === key) || pattern === '') {
    throw new InvalidArgumentError(`It must be KEY=PATTERN with KEY one of ${FILTER_KEYS.join(', ')}.`)
  }
  if (key === 'resource' && pattern !== 'image' && pattern !== 'chart' && pattern !== 'all') {
    throw new InvalidArgumentError('A resource is image, chart or all.')
  }
  checkPattern(pattern, key)
  return { ...previous, [key]: [...(previous[key] ?? []), pattern] }
}

/** `KEY=PATTERN` of a policy, where `KEY=` takes the setting away. */
export function filterSetting(text: string, previous: FilterFlags = {}): FilterFlags {
  const [, key] = /^([a-z]+)=$/.exec(text) ?? []
  if (key === undefined || !FILTER_KEYS.some((known) => known === key)) return filter(text, previous)
  return { ...previous, [key]: [...(previous[key] ?? []), ''] }
}

const REGEX_KEYS = ['name', 'tag'] as const

/** `KEY=EXPRESSION` of a policy, where `KEY=` takes the setting away; checked with the file that it will stand in. */
export function regexSetting(text: string, previous: FilterFlags = {}): FilterFlags {
  const [, key, expression] = /^([a-z]+)=(.*)$/s.exec(text) ?? []
  if (key === undefined || expression === undefined || !REGEX_KEYS.some((known) => known === key)) {
    throw new InvalidArgumentError(`It must be KEY=EXPRESSION with KEY one of ${REGEX_KEYS.join(', ')}.`)
  }
  return { ...previous, [key]: [...(previous[key] ?? []), expression] }
}

/** What stands in a file is checked as it is loaded; this is not in one. */
function checkPattern(pattern: string, key: string): void {
  try {
    if (key === 'name' || key === 'tag') refuseForeign(pattern, key)
    else parsePattern(pattern)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    const hint = error.hint === undefined ? '' : ` Please ${error.hint}.`
    throw new InvalidArgumentError(`\`${pattern}\` is not a valid pattern: ${error.message}.${hint}`)
  }
}

/** Collects an option that may be given several times. */
export function collect(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text]
}

/** A file that ends in one of the endings. */
export function fileEnding(endings: readonly string[]): (text: string) => string {
  return (text) => {
    if (!endings.some((ending) => text.endsWith(ending))) {
      throw new InvalidArgumentError(`The file must end in ${endings.join(' or ')}.`)
    }
    return text
  }
}
