/** Which times of schedules lie between two moments. */

import type { Schedule } from '../../core/schedule.ts'

/** Of more times than this only the last two are looked for. */
export const COUNTED = 1000

/** The times after `from`, up to and with `to`, ascending; of very many the first and the last ones. */
export function dueBetween(schedule: Schedule, from: number, to: number): readonly number[] {
  const times: number[] = []
  for (let time = schedule.after(from); time !== undefined && time <= to; time = schedule.after(time)) {
    if (times.length >= COUNTED) {
      const last = lastUpTo(schedule, time, to)
      return [...new Set([...times, lastUpTo(schedule, times.at(-1) ?? from, last - 1), last])]
    }
    times.push(time)
  }
  return times
}

/** The last time up to `to`; `known` is an earlier one. */
function lastUpTo(schedule: Schedule, known: number, to: number): number {
  let low = known
  let high = to
  for (;;) {
    const next = schedule.after(low)
    if (next === undefined || next > to) return low
    const middle = Math.floor((low + high) / 2)
    const found = schedule.after(middle)
    if (found === undefined || found > to) high = middle
    else low = found
  }
}
