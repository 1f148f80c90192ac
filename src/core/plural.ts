/** Counts in sentences. */

/** `1 tag`, `2 tags`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
