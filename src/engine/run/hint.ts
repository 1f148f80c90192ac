/** What a run that was stopped says of what another one need not send again. */

import { CancelledError } from '../../core/errors.ts'
import { formatBytes } from '../../core/size.ts'

/** Bytes. */
const WORTH_A_WORD = 1024 * 1024

/** The same reason with the hint. `unkept`: by destination, the bytes sent of blobs of which it keeps nothing; `first`: what is to be done before. */
export function withHint(reason: Error, unkept: ReadonlyMap<string, number>, first?: string): Error {
  if (!(reason instanceof CancelledError)) return reason
  const lost = [...unkept].filter(([, bytes]) => bytes >= WORTH_A_WORD)
  const texts = lost.map(
    ([registry, bytes]) => `the ${formatBytes(bytes)} of unfinished blobs that ${registry} did not keep`,
  )
  const again =
    texts.length === 0
      ? 'run it again: what has arrived stays, and it resumes where it stopped'
      : `run it again: finished blobs stay; ${texts.join(' and ')} are sent again`
  const hint = first === undefined ? again : `${first}; then ${again}`
  return new CancelledError(reason.message, reason.exitCode, { cause: reason, hint })
}
