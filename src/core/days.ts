/** Days as people count them in a time zone, and when each begins and ends. */

export interface Day {
  /** `2026-11-30`. */
  readonly day: string
  /** Milliseconds since 1970. */
  readonly from: number
  /** The first millisecond that is not of it. */
  readonly to: number
}

const HOUR = 60 * 60 * 1000

/** The last `count` days, the oldest first, up to the one that `now` lies in; undefined for what is not a time zone. */
export function daysBefore(now: number, count: number, timezone: string): readonly Day[] | undefined {
  const dayOf = dayIn(timezone)
  if (!dayOf) return undefined
  const days: Day[] = []
  for (let to = nextMidnight(now, dayOf); days.length < count; ) {
    const day = dayOf(to - 1)
    const from = midnight(to - 1, dayOf)
    days.unshift({ day, from, to })
    to = from
  }
  return days
}

/** The day that a time lies in. */
function dayIn(timezone: string): ((time: number) => string) | undefined {
  try {
    const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short' })
    return (time) => format.format(time)
  } catch {
    return undefined
  }
}

/** The first millisecond of the day of `time`: days have 23 to 25 hours. */
function midnight(time: number, dayOf: (time: number) => string): number {
  return firstOf(dayOf(time), time - 26 * HOUR, time, dayOf)
}

function nextMidnight(time: number, dayOf: (time: number) => string): number {
  const today = dayOf(time)
  let later = time
  while (dayOf(later) === today) later += HOUR
  return firstOf(dayOf(later), time, later, dayOf)
}

/** The first time of `day`, which `before` does not lie in and `within` does. */
function firstOf(day: string, before: number, within: number, dayOf: (time: number) => string): number {
  let [low, high] = [before, within]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (dayOf(middle) === day) high = middle
    else low = middle
  }
  return high
}
