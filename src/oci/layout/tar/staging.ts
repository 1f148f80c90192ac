/** The directory `.NAME.partial` beside a tar: the blobs that are not in the tar yet. It belongs to all processes that write the tar, and
 *  outlives them until everything is packed: after a crash, the next run finds there what was copied. */

import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Context } from '../../../core/context.ts'
import { type Digest, parseDigest } from '../../../core/descriptor.ts'
import { IntegrityError } from '../../../core/errors.ts'
import { DirectoryLayout } from '../directory.ts'
import { fileError, readRange } from '../file.ts'
import { isLockStale, tryLockFile } from '../lock.ts'
import { isOld, sweep, TEMPORARY } from '../temporary.ts'
import { type Member, scanTar } from './scan.ts'

const WRITER = `${TEMPORARY}writer-`
const PACKED = 'packed.tar'

/** One process's membership. */
export interface Staging {
  readonly blobs: DirectoryLayout
  /** Where the new tar grows. */
  readonly packed: string
  leave(): Promise<void>
}

export function stagingOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.partial`)
}

export async function hasStaging(path: string): Promise<boolean> {
  return (await stat(stagingOf(path)).catch(() => undefined)) !== undefined
}

/** Joins the writers of the tar at `path`, or becomes the first. `kept`: what the tar holds already. Call under the tar's lock. */
export async function joinStaging(path: string, kept: ReadonlyMap<string, Member>, ctx: Context): Promise<Staging> {
  const directory = stagingOf(path)
  const blobs = new DirectoryLayout(directory, { plain: 'staged', only: true })
  await removeOlder(path)
  await blobs.prepare()
  const writer = await tryLockFile(join(directory, WRITER + randomUUID()))
  if (!writer) throw new IntegrityError(`${directory} already has a writer with a name that is new`)
  const packed = join(directory, PACKED)
  try {
    await recover(packed, blobs, kept, ctx)
  } catch (error) {
    await writer.release()
    throw error
  }
  return { blobs, packed, leave: () => writer.release() }
}

/** Removes the staging directory unless another process writes the tar; without `whole` only where nothing in it is worth resuming.
 *  Of a directory that stays, the blobs named in `packed` go. Call under the tar's lock, after leaving. */
export async function clearStaging(path: string, whole: boolean, packed: Iterable<string>): Promise<void> {
  const directory = stagingOf(path)
  if (!whole || (await hasWriters(directory))) {
    for (const name of packed) await rm(join(directory, name), { force: true })
    if (await hasWriters(directory)) return
    const names = await readdir(directory, { recursive: true }).catch(() => [])
    if (names.some((name) => name === PACKED || name.endsWith('.partial') || /[a-f0-9]{64}$/.test(name))) return
  }
  await rm(directory, { recursive: true, force: true })
}

async function hasWriters(directory: string): Promise<boolean> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith(WRITER) && !(await isLockStale(join(directory, name)))) return true
  }
  return false
}

/** Takes the blobs out of a tar that was not finished, since packing had removed them from the directory. From the last to the first, and
 *  each is cut off the tar once it is out, so that the room of one blob is enough. */
async function recover(
  packed: string,
  blobs: DirectoryLayout,
  kept: ReadonlyMap<string, Member>,
  ctx: Context,
): Promise<void> {
  const handle = await open(packed, constants.O_RDWR | constants.O_NOFOLLOW).catch(() => undefined)
  if (!handle) return
  try {
    const { members } = await scanTar(handle, (await handle.stat()).size, packed)
    for (const [name, { offset, size }] of [...members].reverse()) {
      const digest = digestOf(name)
      if (digest && !kept.has(name) && (await blobs.blobSize(digest)) !== size) {
        const bytes = async (start: number) => readRange(handle, offset + start, offset + size, packed)
        await blobs.writeBlob({ digest, size }, bytes, ctx).catch(unlessDamaged)
      }
      await handle.truncate(offset)
    }
  } catch (error) {
    unlessDamaged(fileError(error, 'write', packed))
  } finally {
    await handle.close()
  }
  await rm(packed, { force: true })
}

/** What a crash has damaged is copied again. */
function unlessDamaged(error: unknown): void {
  if (!(error instanceof IntegrityError)) throw error
}

/** The digest of a member's content; undefined for what is not a blob. */
export function digestOf(name: string): Digest | undefined {
  const [folder, algorithm, hex] = name.split('/')
  return folder === 'blobs' ? parseDigest(`${algorithm}:${hex}`) : undefined
}

/** Earlier versions made directories with random names, which no run finds again. */
async function removeOlder(path: string): Promise<void> {
  const prefix = `${TEMPORARY}${basename(path)}-`
  const isOlder = (name: string): boolean =>
    name.startsWith(prefix) && /^[A-Za-z0-9]{6}$/.test(name.slice(prefix.length))
  await sweep(dirname(path), async (name) => isOlder(name) && isOld(join(dirname(path), name)))
}
