/** Reads small text files that may hold secrets: errors name the path, never the content. */

import { open } from 'node:fs/promises'
import { CredentialError, errorCode } from '../core/errors.ts'

/** Undefined where it does not exist. `limit` in bytes; more, or other than UTF-8, is a `CredentialError`, as is a file that cannot be
 *  read. Pipes may be read too. */
export async function readText(path: string, limit: number): Promise<string | undefined> {
  const bytes = await read(path, limit)
  if (!bytes) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new CredentialError(`${path} is not UTF-8 text`)
  }
}

async function read(path: string, limit: number): Promise<Uint8Array | undefined> {
  // A byte more than allowed tells that there is more.
  const buffer = new Uint8Array(limit + 1)
  let length = 0
  try {
    const file = await open(path)
    try {
      for (let count = -1; count !== 0 && length <= limit; length += count) {
        count = (await file.read(buffer, length, buffer.length - length, null)).bytesRead
      }
    } finally {
      await file.close()
    }
  } catch (cause) {
    const code = errorCode(cause) || 'unknown error'
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CredentialError(`${path} cannot be read: ${code}`, { cause, hint: 'check its owner and permissions' })
  }
  if (length > limit) throw new CredentialError(`${path} is larger than ${limit} bytes`)
  return buffer.subarray(0, length)
}
