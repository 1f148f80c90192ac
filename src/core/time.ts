/** Times as registries and images write them. */

/** Of text, or of seconds since 1970; undefined for what is neither, and for what is not plausible. */
export function timeFrom(value: unknown): Date | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  return plausible(new Date(typeof value === 'number' ? value * 1000 : value))
}

/** Milliseconds: what lies further from now is not a time that anybody meant, and would not fit a calendar. */
const FARTHEST = 100 * 366 * 24 * 3_600_000

/** The time, or undefined where it is invalid, or more than a hundred years away. */
export function plausible(time: Date | undefined): Date | undefined {
  return time && Math.abs(time.getTime() - Date.now()) <= FARTHEST ? time : undefined
}
