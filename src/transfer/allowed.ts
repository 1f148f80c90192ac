/** Looks at a destination that may refuse to be looked at. */

import { isForbidden } from '../core/errors.ts'

/** What is there; undefined where looking is refused, as Docker Hub and Quay do for a repository that does not exist. Writing then creates it, or
 *  says why it may not be written. */
export async function ifAllowed<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (isForbidden(error)) return undefined
    throw error
  }
}
