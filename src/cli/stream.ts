/** Long results, written piece by piece: the first of them at once, and no more of them once nobody reads. */

import { throwIfAborted } from '../core/cancel.ts'
import type { Session } from './session.ts'

/** Characters written at once. */
const CHUNK = 64 * 1024

/** Throws where the command is ended meanwhile, such as by a reader that goes away. */
export async function writeAll(session: Pick<Session, 'stdout' | 'signal'>, pieces: Iterable<string>): Promise<void> {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length < CHUNK) continue
    session.stdout.write(text)
    text = ''
    // A pipe that broke, or Ctrl-C, is heard only between two pieces.
    await new Promise((resolve) => setImmediate(resolve))
    throwIfAborted(session.signal)
  }
  session.stdout.write(text)
}
