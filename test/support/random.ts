/** Bytes that look random and are the same for the same seed. */

import { createCipheriv, createHash } from 'node:crypto'

export function randomBytes(size: number, seed: number | string): Buffer {
  const key = createHash('sha256').update(String(seed)).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  return cipher.update(Buffer.alloc(size))
}
