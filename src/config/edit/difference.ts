/** Which lines of a file an edit changes. */

export interface LineChange {
  /** `same` only between two lines that change. */
  readonly kind: 'added' | 'removed' | 'same'
  readonly text: string
}

/** Lines of a table that is filled in to find what two texts share. A larger change is shown whole. */
const LARGEST_TABLE = 1_000_000

/** From the first line that changes to the last one: nothing before and behind them, which may be about something else. */
export function lineChanges(before: string, after: string): readonly LineChange[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  let first = 0
  while (first < old.length && first < now.length && old[first] === now[first]) first += 1
  let last = 0
  const shorter = Math.min(old.length, now.length) - first
  while (last < shorter && old[old.length - 1 - last] === now[now.length - 1 - last]) last += 1
  return changesOf(old.slice(first, old.length - last), now.slice(first, now.length - last))
}

function changesOf(old: readonly string[], now: readonly string[]): LineChange[] {
  const removed = (text: string): LineChange => ({ kind: 'removed', text })
  const added = (text: string): LineChange => ({ kind: 'added', text })
  if (old.length * now.length > LARGEST_TABLE) return [...old.map(removed), ...now.map(added)]
  const shared = sharedLines(old, now)
  const changes: LineChange[] = []
  let [a, b] = [0, 0]
  while (a < old.length || b < now.length) {
    const [left, right] = [old[a], now[b]]
    if (left !== undefined && left === right) {
      changes.push({ kind: 'same', text: left })
      a += 1
      b += 1
    } else if (left !== undefined && (right === undefined || shared(a + 1, b) >= shared(a, b + 1))) {
      changes.push(removed(left))
      a += 1
    } else {
      changes.push(added(right ?? ''))
      b += 1
    }
  }
  return changes
}

/** How many lines both have in the same order, from the one at `a` and the one at `b` on. */
function sharedLines(old: readonly string[], now: readonly string[]): (a: number, b: number) => number {
  const width = now.length + 1
  const table = new Uint32Array((old.length + 1) * width)
  const at = (a: number, b: number): number => table[a * width + b] ?? 0
  for (let a = old.length - 1; a >= 0; a -= 1) {
    for (let b = now.length - 1; b >= 0; b -= 1) {
      table[a * width + b] = old[a] === now[b] ? at(a + 1, b + 1) + 1 : Math.max(at(a + 1, b), at(a, b + 1))
    }
  }
  return at
}
