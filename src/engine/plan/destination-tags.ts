/** What a destination repository has, as far as a comparison needs to know. */

import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { CredentialError, isForbidden, isNotFound, RegistryError, type ReplicateError } from '../../core/errors.ts'
import type { Endpoint } from '../endpoint.ts'

/** If only a few tags are wanted, at most this many tags of the destination are listed; the rest are resolved one by one. */
const LIST_AT_MOST = 1000

export interface Listed {
  /** false: the repository is new. */
  readonly exists: boolean
  /** false: there may be more tags than these. */
  readonly complete: boolean
  readonly digests: ReadonlyMap<string, Digest | undefined>
  /** Why listing was denied. Tags may still be resolved one by one. */
  readonly denied?: ReplicateError
  /** Present where each tag is looked up alone, before its source is asked. */
  readonly alone?: Alone
}

export interface Alone {
  /** Lists the repository's tags after all, once. */
  readonly list: () => Promise<Listed>
  /** Whether the repository exists is worth a list once it lacks a tag. */
  readonly isWorthList: boolean
}

/** A destination of which `count` tags are wanted, each to be looked up alone; undefined for more than `most`, and where repositories are to be
 *  created: that one must be asked whether it has this one. */
export function lookingUp(
  destination: Endpoint,
  repository: string,
  count: number,
  { most, isWorthList }: { readonly most: number; readonly isWorthList: boolean },
  ctx: Context,
): Listed | undefined {
  if (count > most || destination.adapter.ensureRepository) return undefined
  let listed: Promise<Listed> | undefined
  const list = (): Promise<Listed> => {
    listed ??= listDestination(destination, repository, true, ctx)
    return listed
  }
  return { exists: true, complete: false, digests: new Map(), alone: { list, isWorthList } }
}

/** `few`: only a few tags are wanted, so a long list need not be read to its end. */
export async function listDestination(
  destination: Endpoint,
  repository: string,
  few: boolean,
  ctx: Context,
): Promise<Listed> {
  const digests = new Map<string, Digest | undefined>()
  const { adapter } = destination
  try {
    for await (const info of adapter.listTags?.(repository, ctx) ?? adapter.repository(repository).tags(ctx)) {
      if (typeof info === 'string') digests.set(info, undefined)
      else if (info.tag !== undefined) digests.set(info.tag, info.digest)
      if (few && digests.size >= LIST_AT_MOST) return { exists: true, complete: false, digests }
    }
    return { exists: true, complete: true, digests }
  } catch (error) {
    if (isNotFound(error)) return { exists: false, complete: true, digests }
    if (isDenied(error)) return { exists: true, complete: false, digests: new Map(), denied: error }
    throw error
  }
}

/** What is looked for in a repository of the destination; undefined where looking is refused because the repository does not exist, as Docker Hub
 *  and Quay do. */
export async function ifExists<T>(
  looking: Promise<T>,
  destination: Endpoint,
  repository: string,
  ctx: Context,
): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (isForbidden(error) && !(await listDestination(destination, repository, true, ctx)).exists) return undefined
    throw error
  }
}

/** Statuses that deny only the listing: not allowed, or not implemented. */
const NO_LIST: ReadonlySet<number> = new Set([401, 403, 405, 406, 415, 501])

function isDenied(error: unknown): error is ReplicateError {
  return error instanceof CredentialError || (error instanceof RegistryError && NO_LIST.has(error.status))
}
