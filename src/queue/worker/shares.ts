/** How many tasks at once a worker takes of each run: fairly, and none of its places stays empty while a run has tasks. */

/** `active` are the tasks that it does now, by run; the result how many of each it may do. Each run gets at least one place. */
export function sharesOf(places: number, active: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const shares = new Map<string, number>()
  let left = places
  // A run that does not use what it could have leaves it to the others, but for one place, so that it may grow.
  const byNeed = [...active].sort(([, a], [, b]) => a - b)
  for (const [at, [run, tasks]] of byNeed.entries()) {
    const fair = Math.floor(left / (byNeed.length - at))
    const share = Math.max(1, at === byNeed.length - 1 ? left : Math.min(fair, tasks + 1))
    shares.set(run, share)
    left -= share
  }
  return shares
}
