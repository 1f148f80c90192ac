/** Lets a server that refuses an upload be heard: it answers and closes while we still write. */

import type { Socket } from 'node:net'

/** How long a broken upload waits for the answer that explains it, in milliseconds. */
const LAST_WORDS = 1_000

/** The write fails at once and would close the socket before the answer is read; so a failed write is reported a moment later, which
 *  the reader uses. */
export function hearLastWords(socket: Socket): void {
  const write = socket._write.bind(socket)
  const writev = socket._writev?.bind(socket)
  socket._write = (chunk, encoding, done) => write(chunk, encoding, later(done))
  if (writev) socket._writev = (chunks, done) => writev(chunks, later(done))
}

function later(done: (error?: Error | null) => void): (error?: Error | null) => void {
  return (error) => {
    if (error) setTimeout(done, LAST_WORDS, error)
    else done()
  }
}
