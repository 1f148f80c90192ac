/** Rates, durations, times and foreign text as people read them. */

import { formatBytes } from '../../core/size.ts'

/** `23.6 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** Milliseconds as `340 ms`, `2.4 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  const hours = Math.floor(minutes / 60)
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

/** Milliseconds in whole seconds, rounded up: `37 s`, `2 min 5 s`. */
export function formatTimeLeft(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000)
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}

/** The time of day here, `22:14:03`; milliseconds since 1970. */
export function formatClock(time: number): string {
  const at = new Date(time)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** Day and time here, `2026-05-01 22:14:03`; without the seconds where they say nothing. `time` is RFC 3339. */
export function formatTime(time: string, precise = true): string {
  const at = Date.parse(time)
  if (Number.isNaN(at)) return printable(time)
  return `${formatDay(at)} ${precise ? formatClock(at) : formatClock(at).slice(0, 5)}`
}

/** As long ago as people count; after an hour when it was. `now` in milliseconds. */
export function formatRecent(time: string, now: number): string {
  return now - Date.parse(time) < 3_600_000 ? formatRelative(time, now) : formatTime(time, false)
}

/** The day here, `2026-05-01`. */
export function formatDay(time: number): string {
  const at = new Date(time)
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
}

/** An RFC 3339 time as `5 min ago`, `in 2 h`, `just now`; a date from a month on. `now` in milliseconds. */
export function formatRelative(time: string, now: number): string {
  const then = Date.parse(time)
  if (Number.isNaN(then)) return printable(time)
  const distance = Math.abs(now - then)
  if (distance < 5_000) return 'just now'
  if (distance >= 30 * 86_400_000) return new Date(then).toISOString().slice(0, 10)
  const text = coarse(distance)
  return then > now ? `in ${text}` : `${text} ago`
}

function coarse(milliseconds: number): string {
  if (milliseconds < 60_000) return `${Math.floor(milliseconds / 1000)} s`
  if (milliseconds < 3_600_000) return `${Math.floor(milliseconds / 60_000)} min`
  if (milliseconds < 86_400_000) return `${Math.floor(milliseconds / 3_600_000)} h`
  return `${Math.floor(milliseconds / 86_400_000)} d`
}

export { plural } from '../../core/plural.ts'

// Control characters move cursors and hide text; so do the marks that reverse its direction.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]/g
/** The same, or one of the sequences that this program writes: line ends, colours, and the end of a line erased. */
const WRITTEN = new RegExp(`(\\r?\\n|\\t|\\r|\\u001b\\[(?:[012]|22|3[1-9])m|\\u001b\\[K)|${UNPRINTABLE.source}`, 'g')

/** Text that came from a registry or a file, on one line and without characters that a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/[\t\r\n\u2028\u2029]+/g, ' ').replace(UNPRINTABLE, '')
}

/** The last guard before a terminal, a file or a pipe: only what this program may write stays of what a terminal would obey. */
export function harmless(text: string): string {
  return text.replace(WRITTEN, '$1')
}

/** As `printable`, line by line. */
export function printableLines(text: string): readonly string[] {
  return text.split(/\r?\n/).map(printable)
}

/** Cut to `width` columns with an ellipsis. For text without escape sequences. */
export function truncate(text: string, width: number): string {
  if (text.length <= width) return text
  return width <= 1 ? '…'.slice(0, Math.max(width, 0)) : `${text.slice(0, width - 1)}…`
}

/** Cut on the left: what tells names apart stands at their end. */
export function truncateLeft(text: string, width: number): string {
  if (text.length <= width) return text
  return width <= 1 ? '…'.slice(0, Math.max(width, 0)) : `…${text.slice(text.length - width + 1)}`
}

/** Words broken into lines of a width, ended; `lead` stands before the first, and as much space before the others. */
export function wrapped(text: string, width: number, lead: string): string {
  const indent = ' '.repeat(lead.length)
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(' ')) {
    if (line !== '' && lead.length + line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.map((one, at) => `${at === 0 ? lead : indent}${one}\n`).join('')
}
