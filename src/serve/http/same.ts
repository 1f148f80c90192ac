/** Whether what a client shows is the secret, in a time that does not tell how much of it is right. */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const KEY = randomBytes(32)

/** Compares hashes, which have one length. */
export function isSameSecret(shown: string, right: string): boolean {
  const hash = (text: string): Buffer => createHmac('sha256', KEY).update(text).digest()
  return timingSafeEqual(hash(shown), hash(right))
}
