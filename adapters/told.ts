/** What a vendor's API or webhook tells, as the program knows it: fields that are empty or malformed are left out. */

import type { RegistryEvent, TagInfo } from '../src/core/adapter.ts'
import { parseDigest } from '../src/core/descriptor.ts'
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
