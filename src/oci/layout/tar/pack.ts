/** Writes a tar of a layout, the same bytes whenever and wherever: without times or owners. */

import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'
import type { Bytes } from '../../../core/content.ts'
import { inFile, writeAll } from '../file.ts'

export interface Piece {
  readonly name: string
  readonly size: number
  readonly bytes: Bytes | readonly Uint8Array[]
}

const BLOCK = 512
/** Bytes that are read whole. */
const SMALL = 256 * 1024

/** Writes the pieces one after another and makes them last. `written` is called with each piece once that is on
 *  the disk; without it, all are synchronized together at the end, which is faster. */
export async function writeTar(
  handle: FileHandle,
  path: string,
  pieces: AsyncIterable<Piece>,
  written?: (piece: Piece) => Promise<void>,
): Promise<void> {
  const tar = pack()
  let position = 0
  let reached = (): void => {}
  const write = async (): Promise<void> => {
    for await (const chunk of tar as AsyncIterable<Uint8Array>) {
      await writeAll(handle, chunk, position, path)
      position += chunk.byteLength
      reached()
    }
  }
  const reach = (end: number): Promise<void> =>
    new Promise((resolve) => {
      reached = () => {
        if (position >= end) resolve()
      }
      reached()
    })
  const fill = async (): Promise<void> => {
    let end = 0
    for await (const piece of pieces) {
      const { name, size, bytes } = piece
      const header = { name, size, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }
      // A stream for each of very many small blobs would cost more than the blobs.
      if (size <= SMALL) await added(tar, header, await wholeOf(bytes))
      else await pipeline(Readable.from(bytes), tar.entry(header))
      end += lengthOf(piece)
      if (!written) continue
      await reach(end)
      await inFile(handle.sync(), path)
      await written(piece)
    }
    tar.finalize()
  }
  // The side that fails first ends the other.
  await Promise.all([write(), fill()]).catch((error: unknown) => {
    tar.destroy()
    throw error
  })
  await inFile(handle.sync(), path)
}

function added(tar: Pack, header: Parameters<Pack['entry']>[0], content: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, content, (error) => (error ? reject(error) : resolve()))
  })
}

async function wholeOf(bytes: Piece['bytes']): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What a piece takes in the tar: a header, with two blocks before it for a name of more than 100 characters; and whole blocks. */
function lengthOf({ name, size }: Piece): number {
  return (name.length > 100 ? 3 : 1) * BLOCK + Math.ceil(size / BLOCK) * BLOCK
}
