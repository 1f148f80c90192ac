/** How a registry accepts blobs: what its adapter knows, and what its answers have shown. */

import { SMALL_BLOB } from '../../../core/content.ts'
import type { HttpClient } from '../../../core/http.ts'

/** How a registry wants its blobs. */
export interface UploadFacts {
  /** `put`: one PUT up to `putLimit`, chunks above it; `chunks`: PATCHes of `chunk` bytes; `patch`: one PATCH and an empty PUT. */
  readonly strategy: 'put' | 'chunks' | 'patch'
  /** In bytes; absent: no limit. */
  readonly putLimit?: number
  /** In bytes; default 32 MiB. Where it is given, no more than this is sent at once after an upload broke off. */
  readonly chunk?: number
  /** The smallest chunk that the registry accepts, except for the last one, in bytes; default: what its answers say. */
  readonly smallest?: number
  /** What `Range` in an upload's status means: `last`, the last byte that the registry has, as specified (default); `count`, how many bytes it has;
   *  `none`, nothing reliable, so that a broken upload begins anew. */
  readonly status?: 'last' | 'count' | 'none'
  /** true: the registry drops an upload when one of its requests breaks off. Large blobs then go in chunks that are read into memory before they are
   *  sent, so that most of the time no request is under way. Slower, as the registry makes each chunk durable. Default false. */
  readonly held?: boolean
}

export interface UploadRetry {
  /** How many times in a row an upload may fail without progress, including the last time. */
  readonly attempts: number
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface UploadTarget {
  readonly http: HttpClient
  /** `/v2/<name>`. */
  readonly path: string
  readonly scopes: readonly string[]
  readonly facts: UploadFacts
  readonly retry: UploadRetry
  /** What the registry's answers have shown; one object for all its repositories. */
  readonly learned: Learned
}

export interface Learned {
  /** Requests with larger bodies were refused with 413. In bytes. */
  bodyLimit?: number
}

const CHUNK = 32 * 1024 * 1024
/** What a reverse proxy accepts by default. */
const SMALL_CHUNK = 1024 * 1024
/** Two of these are in memory at a time. */
const HELD_CHUNK = 8 * 1024 * 1024
/** Up to this size a blob is sent in one request even if a break loses it: sending it again costs less than chunks. */
const LOSABLE = 64 * 1024 * 1024

/** The lane for a blob of `size` bytes. */
export function laneOf(size: number): 'small' | 'blob' {
  return size <= SMALL_BLOB ? 'small' : 'blob'
}

/** How many bytes the next request carries if the registry has `start` of the blob's `size` bytes. */
export function partSize(target: UploadTarget, start: number, size: number, minimum: number): number {
  const { strategy, held = false, putLimit = Number.POSITIVE_INFINITY, smallest = 0 } = target.facts
  const { bodyLimit = Number.POSITIVE_INFINITY } = target.learned
  const remaining = size - start
  const chunk = chunkSize(target)
  const inChunks = strategy === 'chunks' || (held && size > LOSABLE) || (start > 0 && target.facts.chunk !== undefined)
  if (remaining <= Math.min(inChunks ? chunk : putLimit, bodyLimit)) return remaining
  return Math.min(remaining, Math.max(Math.min(chunk, bodyLimit), minimum, smallest))
}

/** Called when a body of `sent` bytes was refused as too large. True if a smaller size is left to try; the size is remembered. */
export function shrink(target: UploadTarget, sent: number, minimum: number): boolean {
  const { smallest = 0 } = target.facts
  const sizes = [chunkSize(target), Math.max(SMALL_CHUNK, smallest)]
  const smaller = sizes.find((size) => size < sent && size >= Math.max(minimum, smallest))
  if (smaller === undefined) return false
  target.learned.bodyLimit = Math.min(smaller, target.learned.bodyLimit ?? smaller)
  return true
}

function chunkSize({ facts }: UploadTarget): number {
  const { chunk = CHUNK, held = false } = facts
  return held ? Math.min(chunk, HELD_CHUNK) : chunk
}
