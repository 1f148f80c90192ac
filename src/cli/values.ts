/** The values of options: numbers, durations, rates, patterns; each refused with what it should have been. */

import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../config/duration.ts'
import { parseRate, parseSize } from '../config/size.ts'
import { FILTER_KEYS, parseShard, patternProblem } from '../core/narrowing.ts'

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

/** Into how many parts a run is divided. */
export function shards(text: string): number {
  const count = positiveInteger(text)
  if (count < 2 || count > 1000) throw new InvalidArgumentError('It must be a whole number from 2 to 1000.')
  return count
}

/** `I/N`: the I-th of N parts. */
export function shard(text: string): { readonly index: number; readonly count: number } {
  const value = parseShard(text)
  if (!value) throw new InvalidArgumentError('It must be I/N, the I-th of N parts, such as 1/4.')
  return value
}

export type FilterFlags = Readonly<Record<string, readonly string[]>>

/** `KEY=PATTERN`, added to those before. */
export function filter(text: string, previous: FilterFlags = {}): FilterFlags {
  const equals = text.indexOf('=')
  const key = FILTER_KEYS.find((known) => known === text.slice(0, Math.max(0, equals)))
  const pattern = text.slice(equals + 1)
  if (key === undefined || pattern === '') {
    throw new InvalidArgumentError(`It must be KEY=PATTERN with KEY one of ${FILTER_KEYS.join(', ')}.`)
  }
  const problem = patternProblem(key, pattern)
  if (problem) throw new InvalidArgumentError(sentences(problem))
  return { ...previous, [key]: [...(previous[key] ?? []), pattern] }
}

function sentences({ message, hint }: { readonly message: string; readonly hint?: string }): string {
  const said = `${message[0]?.toUpperCase() ?? ''}${message.slice(1)}.`
  return hint === undefined ? said : `${said} Please ${hint}.`
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
