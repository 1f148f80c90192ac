/** Long results, written piece by piece: the first of them at once, and no more of them once nobody reads. */

import { throwIfAborted } from '../core/cancel.ts'
import type { Session } from './session.ts'

/** Characters written at once. */
const CHUNK = 64 * 1024

/** Throws where the command is ended meanwhile, such as by a reader that goes away. */
export async function writeAll(session: Pick<Session, 'stdout' | 'signal'>, pieces: Iterable<string>): Promise<void> {
  for (const text of chunks(pieces)) {
    session.stdout.write(text)
    // A pipe that broke, or Ctrl-C, is heard only between two pieces.
    await new Promise((resolve) => setImmediate(resolve))
    throwIfAborted(session.signal)
  }
}

/** The same text in fewer and larger pieces. */
export function* chunks(pieces: Iterable<string>): Generator<string> {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length < CHUNK) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}
