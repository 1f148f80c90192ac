/** How much still fits on a file system. */

import { access, constants, lstat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileError, isAbsent } from './file.ts'

/** How many bytes this user can write below `path`, which need not exist. Throws where it may not write there at all. */
export async function roomIn(path: string): Promise<number> {
  let nearest = resolve(path)
  for (;;) {
    const there = await lstat(nearest).catch((error: unknown) => {
      if (!isAbsent(error)) throw fileError(error, 'write', path)
      return undefined
    })
    if (there) break
    nearest = dirname(nearest)
  }
  try {
    await access(nearest, constants.W_OK)
    const { bavail, bsize, blocks } = await statfs(nearest)
    // Some file systems do not say.
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize
  } catch (error) {
    throw fileError(error, 'write', path)
  }
}
