/** What a destination repository has, as far as a comparison needs to know. */

import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import type { Endpoint } from '../endpoint.ts'

/** A destination's list is read this far when only few tags are wanted; beyond it each is asked for. */
const LIST_AT_MOST = 1000

export interface Listed {
  /** false: the repository is new. */
  readonly exists: boolean
  /** false: there may be more tags than these. */
  readonly complete: boolean
  readonly digests: ReadonlyMap<string, Digest | undefined>
}

/** `few`: only few tags are wanted, so that a long list need not be read to its end. */
export async function listDestination(
  destination: Endpoint,
  repository: string,
  few: boolean,
  ctx: Context,
): Promise<Listed> {
  const digests = new Map<string, Digest | undefined>()
  try {
    if (destination.adapter.listTags) {
      for await (const info of destination.adapter.listTags(repository, ctx)) {
        if (typeof info === 'string') digests.set(info, undefined)
        else if (info.tag !== undefined) digests.set(info.tag, info.digest)
        if (few && digests.size >= LIST_AT_MOST) return { exists: true, complete: false, digests }
      }
      return { exists: true, complete: true, digests }
    }
    for await (const tag of destination.adapter.repository(repository).tags(ctx)) {
      digests.set(tag, undefined)
      if (few && digests.size >= LIST_AT_MOST) return { exists: true, complete: false, digests }
    }
    return { exists: true, complete: true, digests }
  } catch (error) {
    if (isNotFound(error)) return { exists: false, complete: true, digests }
    throw error
  }
}
