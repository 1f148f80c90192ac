/** An upload session: opening it, finding it again, asking how far it got, giving it up. */

import type { Checkpoint } from '../../../core/content.ts'
import type { Context } from '../../../core/context.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { NetworkError, RegistryError } from '../../../core/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../../core/http.ts'
import { prefixOf } from '../listing.ts'
import { doing } from '../restate.ts'
import type { UploadTarget } from './facts.ts'

/** An upload that the registry has opened. */
export interface UploadSession {
  /** Absolute, with the query exactly as the registry sent it. */
  readonly location: string
  /** `OCI-Chunk-Min-Length`, in bytes. */
  readonly minimum: number
}

/** A session, and how far its upload got. */
export interface Upload {
  location: string
  readonly minimum: number
  /** How many bytes the registry has confirmed. */
  confirmed: number
  /** It holds bytes of an earlier attempt. */
  readonly resumed: boolean
  /** The size of the body sent last. */
  part: number
}

export function begun(session: UploadSession): Upload {
  return { ...session, confirmed: 0, resumed: false, part: 0 }
}

/** The session that a POST opened; throws if the answer has no `Location`. */
export function sessionOf(http: HttpClient, response: HttpResponse, path: string): UploadSession {
  const location = locationOf(http, response)
  if (location === undefined) {
    throw new RegistryError('the registry opened an upload without saying where', {
      status: response.status,
      method: 'POST',
      path,
    })
  }
  const minimum = Number(response.headers['oci-chunk-min-length'])
  return { location, minimum: Number.isSafeInteger(minimum) && minimum > 0 ? minimum : 0 }
}

export async function openSession(
  target: UploadTarget,
  url: string,
  scopes: readonly string[],
  ctx: Context,
): Promise<UploadSession> {
  const opening = target.http.request({ method: 'POST', url, scopes, body: new Uint8Array(0) }, ctx)
  const response = await doing(`begin an upload to ${target.path.slice('/v2/'.length)}`, opening)
  await response.discard()
  return sessionOf(target.http, response, url)
}

/** What another process needs to resume the upload: its Location, and how it is sent. */
export function stateOf({ facts }: UploadTarget, upload: Upload): string {
  return `${facts.held ? HELD : ''}${upload.location}`
}

const HELD = 'held '

/** The Location in what `stateOf` gave. */
export function locationIn(state: string): string {
  return state.startsWith(HELD) ? state.slice(HELD.length) : state
}

/** What an earlier process has left of an upload. */
export interface Left {
  readonly upload: Upload | undefined
  /** A session was saved, and the registry no longer has it. */
  readonly forgotten: boolean
  /** The blob was sent in chunks from memory. */
  readonly held: boolean
}

/** The upload that an earlier process has left, at the offset that the registry reports. This process has not seen the bytes before that offset:
 *  the registry's check of the digest at the end covers them. */
export async function leftBehind(
  target: UploadTarget,
  blob: Descriptor,
  checkpoint: Checkpoint,
  ctx: Context,
): Promise<Left> {
  const state = await checkpoint.load()
  if (state === undefined) return { upload: undefined, forgotten: false, held: false }
  const held = state.startsWith(HELD)
  const session = begun({ location: locationIn(state), minimum: 0 })
  const found = await settled(target, session, blob.size, ctx)
  const confirmed = found?.held ?? 0
  if (found && confirmed > 1 && confirmed <= blob.size) {
    return { upload: { ...session, location: found.location, confirmed, resumed: true }, forgotten: false, held }
  }
  // An empty session is worth no more than a new one.
  checkpoint.clear()
  await abandonUpload(target, found?.location ?? session.location, ctx)
  return { upload: undefined, forgotten: found === undefined, held }
}

/** The same session at the offset that the registry reports; undefined if that is unknown and the upload must begin anew. An offset that was
 *  confirmed before outweighs a stale answer, and the registry cannot have more than was `sent`. */
export async function recover(
  target: UploadTarget,
  upload: Upload,
  sent: number,
  ctx: Context,
): Promise<Upload | undefined> {
  const found = await settled(target, upload, sent, ctx)
  if (found?.held === undefined) return undefined
  const { held, location } = found
  // distribution answers `Range: 0-0` both for an empty session and for one byte, so a count of 1 proves nothing.
  if (held <= 1 && upload.confirmed === 0 && sent > 0) return undefined
  const counted = held === 1 ? 0 : held
  const confirmed = Math.min(Math.max(counted, upload.confirmed), Math.max(sent, upload.confirmed))
  return { location, minimum: upload.minimum, confirmed, resumed: confirmed > 0, part: 0 }
}

/** What a registry says about a session. */
interface Status {
  readonly location: string
  /** In bytes; undefined if the answer does not tell. */
  readonly held: number | undefined
}

/** How often a registry is asked whether it still writes, and the pause before the second time; each further pause is twice as long. */
const ASKS = 8
const SETTLE_MS = 100

/** What the registry says once two answers in a row agree, or once it has all that was `sent`. A registry does not notice at once that a
 *  request broke off: it still writes what is in its buffers, and refuses a range that begins before the end of that. */
async function settled(target: UploadTarget, upload: Upload, sent: number, ctx: Context): Promise<Status | undefined> {
  let status = await ask(target, upload.location, ctx)
  for (let asked = 1; asked < ASKS && status?.held !== undefined && status.held < sent; asked += 1) {
    await target.retry.wait(SETTLE_MS * 2 ** (asked - 1), ctx.signal)
    const before = status.held
    status = await ask(target, status.location, ctx)
    if (status?.held === before) break
  }
  return status
}

/** Undefined if the registry does not know the session. */
async function ask({ http, scopes, facts }: UploadTarget, url: string, ctx: Context): Promise<Status | undefined> {
  if (facts.status === 'none') return undefined
  let response: HttpResponse
  try {
    response = await named(http, { method: 'GET', url, scopes }, ctx)
  } catch (error) {
    if (error instanceof RegistryError && !error.retryable) return undefined
    throw error
  }
  await response.discard()
  const last = /^\s*(?:bytes[= ])?\s*0-(-?\d+)/i.exec(response.headers.range ?? '')?.[1]
  const held = last === undefined ? undefined : Number(last) + (facts.status === 'count' ? 0 : 1)
  return { location: locationOf(http, response) ?? url, held }
}

/** The `Location` as an absolute URL, otherwise verbatim, because its query is the registry's secret state. A proxy that strips a prefix from paths
 *  may not put it back into a `Location`; on the registry's own address it is added here. */
export function locationOf(http: HttpClient, response: HttpResponse): string | undefined {
  const { location = '' } = response.headers
  const [, given, rest] = /^(?:(https?:\/\/[^/?#]*)|(?=\/(?!\/)))(.*)$/i.exec(location) ?? []
  if (rest === undefined) {
    return location && URL.canParse(location, response.url) ? new URL(location, response.url).href : undefined
  }
  const origin = given ?? new URL(response.url).origin
  const own = new URL(http.url)
  const isOwn = URL.canParse(origin) && new URL(origin).host === own.host
  return `${origin}${isOwn && rest.startsWith('/v2/') ? prefixOf(http) : ''}${rest}`
}

/** Sends a request to a `Location`. If that is not the registry's own address and cannot be reached, the error says that the registry named it. */
export async function named(http: HttpClient, request: HttpRequest, ctx: Context): Promise<HttpResponse> {
  try {
    return await http.request(request, ctx)
  } catch (cause) {
    const host = hostOf(request.url)
    if (!(cause instanceof NetworkError) || host === hostOf(http.url)) throw cause
    throw new NetworkError(`${cause.message}: ${http.host} named ${host} as the address of its uploads`, {
      cause,
      retryable: cause.retryable,
      hint: 'the registry must know its own address: its external URL (distribution: `http.host`), or the headers Host and X-Forwarded-Proto of a proxy',
    })
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}

/** Asks the registry to drop the session. A failure is ignored: the registry drops old sessions by itself. */
export async function abandonUpload(
  target: Pick<UploadTarget, 'http' | 'scopes'>,
  location: string,
  ctx: Context,
): Promise<void> {
  const { http, scopes } = target
  try {
    const response = await http.request({ method: 'DELETE', url: location, scopes, retry: false }, ctx)
    await response.discard()
  } catch {}
}
