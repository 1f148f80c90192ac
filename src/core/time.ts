/** Times as registries and images write them. */

/** Undefined for what is no text, or no time. */
export function timeFrom(value: unknown): Date | undefined {
  const time = typeof value === 'string' ? new Date(value) : undefined
  return time && !Number.isNaN(time.getTime()) ? time : undefined
}
