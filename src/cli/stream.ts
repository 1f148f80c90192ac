/** Long results, written piece by piece: the first at once, and no more once the reader has gone. */

import { throwIfAborted } from '../core/cancel.ts'
import type { Session } from './session.ts'

/** Characters written at once. */
const CHUNK = 64 * 1024

/** Throws where the command is stopped meanwhile, for example because its reader has gone. */
export async function writeAll(session: Pick<Session, 'stdout' | 'signal'>, pieces: Iterable<string>): Promise<void> {
  for (const text of chunks(pieces)) {
    session.stdout.write(text)
    // A broken pipe and Ctrl-C are noticed only between two pieces.
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
