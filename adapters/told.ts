/** What a vendor's API or webhook tells, as the program knows it: fields that are empty or malformed are left out. */

import type { RegistryEvent, TagInfo } from '../src/core/adapter.ts'
import type { ContentStore } from '../src/core/content.ts'
import type { Context } from '../src/core/context.ts'
import { type Digest, parseDigest } from '../src/core/descriptor.ts'
import { isNotFound, RegistryError } from '../src/core/errors.ts'
import { timeFrom } from '../src/core/time.ts'

interface ToldTag {
  readonly digest?: string | null | undefined
  readonly mediaType?: string | null | undefined
  /** As text, or in seconds since 1970. */
  readonly pushed?: string | number | null | undefined
}

/** Just the name where the API does not tell the digest. */
export function tagInfo(tag: string, told: ToldTag): (TagInfo & { readonly tag: string }) | string {
  const digest = parseDigest(told.digest ?? '')
  return digest ? { tag, digest, ...factsOf(told) } : tag
}

/** Undefined for what has no digest. */
export function untaggedInfo(told: ToldTag): TagInfo | undefined {
  const digest = parseDigest(told.digest ?? '')
  return digest && { digest, ...factsOf(told) }
}

function factsOf({ mediaType, pushed }: ToldTag): Pick<TagInfo, 'mediaType' | 'pushed'> {
  const time = timeFrom(pushed)
  return { ...(mediaType ? { mediaType } : {}), ...(time ? { pushed: time } : {}) }
}

/** What an API lists; just the names, by the registry, where the account may not ask the API, or it lists none: it may not tell a repository
 *  without tags from one that does not exist. `whose`: the API, for messages. */
export async function* listedOrNamed(
  listed: AsyncIterable<TagInfo | string>,
  store: ContentStore,
  whose: string,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  let isListed = false
  try {
    for await (const info of listed) {
      isListed = true
      yield info
    }
  } catch (error) {
    if (isListed || !(error instanceof RegistryError) || error.status !== 403) throw error
    const text = `${whose} may not be asked, so the registry lists the tags: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
  }
  if (!isListed) yield* store.tags(ctx)
}

/** The tags that point at a digest, read to the end before any of them is deleted. None of a repository that does not exist. */
export async function tagsAt(
  digest: Digest,
  listed: AsyncIterable<TagInfo | string>,
  store: ContentStore,
  ctx: Context,
): Promise<readonly string[]> {
  const found: string[] = []
  try {
    for await (const info of listed) {
      const tag = typeof info === 'string' ? info : info.tag
      const at = typeof info === 'string' ? (await store.resolve(info, ctx))?.digest : info.digest
      if (tag !== undefined && at === digest) found.push(tag)
    }
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return found
}

interface ToldEvent {
  readonly tag?: string | null | undefined
  readonly digest?: string | null | undefined
  /** As text, or in seconds since 1970. */
  readonly time?: string | number | null | undefined
  readonly id?: string | null | undefined
}

export function eventOf(action: RegistryEvent['action'], repository: string, told: ToldEvent): RegistryEvent {
  const digest = parseDigest(told.digest ?? '')
  const time = timeFrom(told.time)
  return {
    action,
    repository,
    ...(told.tag ? { tag: told.tag } : {}),
    ...(digest ? { digest } : {}),
    ...(time ? { time } : {}),
    ...(told.id ? { id: told.id } : {}),
  }
}
