/** What each exit status means, and which of several is the worst. */

/** As the help shows them, and the README. */
export const STATUSES: readonly (readonly [status: string, meaning: string])[] = [
  ['0', 'done'],
  [
    '1',
    'finished, and at least one task failed; `verify`: the sides differ, something is damaged, or the source lacks what is named; `ls`: what is named is not there',
  ],
  ['2', 'wrong usage or configuration; nothing was contacted'],
  [
    '3',
    'not begun: a registry could not be reached or gave no usable answer, a layout could not be read, the credential was refused, a handler aborted, the policy selects nothing, or it would delete too much',
  ],
  ['4', 'stopped by `executions stop`'],
  ['5', 'the same policy is already running, and `--wait` waits for it; `serve`: another one works with the history'],
  ['6', '`plan --exit-code`: there is something to do'],
  [
    '130, 143, 129',
    'interrupted by Ctrl-C, SIGTERM or a closed terminal (SIGHUP), after a clean stop; a second one ends it at once',
  ],
]

/** Worst first. Interrupted beats all, since the user knows that one; what was never begun beats what failed on its way. */
const SEVERITY: readonly number[] = [130, 143, 129, 141, 2, 3, 1, 4, 5, 6]

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
