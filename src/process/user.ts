/** Who runs this process. */

import { userInfo } from 'node:os'

/** On a system that does not know, their number. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}
