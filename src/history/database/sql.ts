/** Pieces of SQL made from the program's own constants. */

/** `column IN ('a', 'b')`. The values are constants of the program, never input. */
export function anyOf(column: string, values: readonly string[]): string {
  return `${column} IN (${values.map((value) => `'${value}'`).join(', ')})`
}

/** Milliseconds since 1970 as RFC 3339 in UTC. */
export function formatTime(time: number): string {
  return new Date(time).toISOString()
}
