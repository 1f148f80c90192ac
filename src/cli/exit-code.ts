/** The exit status of several policies or registries: the worst of theirs. */

/** Worst first. Interrupted beats all, since the user knows that one; what was never begun beats what failed on its way. */
const SEVERITY: readonly number[] = [130, 143, 141, 2, 3, 1, 4, 5, 6]

/** The worst of `codes`; 0 for an empty list. An unlisted code counts as a failure, like 1. */
export function worstExitCode(codes: Iterable<number>): number {
  let worst = 0
  for (const code of codes) {
    if (code !== 0 && (worst === 0 || rank(code) < rank(worst))) worst = code
  }
  return worst
}

function rank(code: number): number {
  const index = SEVERITY.indexOf(code)
  return index < 0 ? SEVERITY.indexOf(1) : index
}
