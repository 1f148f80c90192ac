/** How a registry takes blobs: what its adapter knows, and what it turned out to take. */

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
  /** The smallest chunk that it takes, the last one aside, in bytes; default what it says itself. */
  readonly smallest?: number
  /** What the `Range` of an upload's status means: the last byte that is held, as specified (default); how many are held; or nothing to go
   *  by, so that an upload that broke begins anew. */
  readonly status?: 'last' | 'count' | 'none'
  /** The upload is lost when one of its requests breaks off, so large blobs go in chunks that are held whole before they are sent: most
   *  of the time no request is under way. Costs time, as the registry makes each chunk safe. Default false. */
  readonly held?: boolean
}

export interface UploadRetry {
  /** How often in a row an upload may fail without getting further, the last time included. */
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
  /** What the registry turned out to take; one object for all its repositories. */
  readonly learned: Learned
}

export interface Learned {
  /** Requests with larger bodies were refused with 413. In bytes. */
  bodyLimit?: number
}

const CHUNK = 32 * 1024 * 1024
/** What a reverse proxy takes that nobody has configured. */
const SMALL_CHUNK = 1024 * 1024
/** Held whole in memory, and the next one too. */
const HELD_CHUNK = 8 * 1024 * 1024
/** Sent at once also where it may be lost: to send it again costs less than chunks would. */
const LOSABLE = 64 * 1024 * 1024

/** The lane for a blob of `size` bytes. */
export function laneOf(size: number): 'small' | 'blob' {
  return size <= SMALL_BLOB ? 'small' : 'blob'
}

/** How many bytes the next request carries, of a blob of `size` of which `start` are there. */
export function partSize(target: UploadTarget, start: number, size: number, minimum: number): number {
  const { strategy, held = false, putLimit = Number.POSITIVE_INFINITY, smallest = 0 } = target.facts
  const { bodyLimit = Number.POSITIVE_INFINITY } = target.learned
  const remaining = size - start
  const chunk = chunkSize(target)
  const inChunks = strategy === 'chunks' || (held && size > LOSABLE) || (start > 0 && target.facts.chunk !== undefined)
  if (remaining <= Math.min(inChunks ? chunk : putLimit, bodyLimit)) return remaining
  return Math.min(remaining, Math.max(Math.min(chunk, bodyLimit), minimum, smallest))
}

/** True where the body of `sent` bytes was refused as too large and smaller ones can be tried, which are remembered. */
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
