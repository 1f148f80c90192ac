/** Blobs of one repository over HTTP: look up, read, mount. The folder `upload` writes them. */

import { type Bytes, bytesOf } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { ABSENT, IntegrityError, NetworkError, ReplicateError } from '../../core/errors.ts'
import { type HttpResponse, REDIRECTS } from '../../core/http.ts'
import type { RepositoryClient } from './manifests.ts'
import { doing } from './restate.ts'
import { laneOf } from './upload/facts.ts'
import { sessionOf, type UploadSession } from './upload/session.ts'

/** False if the blob is missing or has another size, or if the registry does not answer such requests. */
export async function hasBlob(
  place: Pick<RepositoryClient, 'http' | 'name' | 'path'>,
  blob: Descriptor,
  ctx: Context,
): Promise<boolean> {
  const { http, name, path } = place
  const base = { method: 'HEAD', scopes: [`repository:${name}:pull`] } as const
  const url = `${path}/blobs/${blob.digest}`
  let response = await http.request({ ...base, url, redirect: false, expect: [200, ...ABSENT, ...REDIRECTS] }, ctx)
  await response.discard()
  if (REDIRECTS.includes(response.status)) {
    // A signed link of object storage allows only GET. That the registry made one proves that it has the blob.
    if (isElsewhere(response)) return true
    response = await http.request({ ...base, url, expect: [200, ...ABSENT] }, ctx)
    await response.discard()
  }
  if (response.status !== 200) return false
  const length = Number(response.headers['content-length'] ?? 0)
  return length === 0 || length === blob.size
}

/** How many bytes the blob has, also where storage elsewhere answers only GET: then its first byte is asked for. */
export async function sizeOfBlob(place: RepositoryClient, digest: Digest, ctx: Context): Promise<number | undefined> {
  const { http, name, path } = place
  const base = { url: `${path}/blobs/${digest}`, scopes: [`repository:${name}:pull`], isBlob: true } as const
  const head = await http.request(
    { ...base, method: 'HEAD', redirect: false, expect: [200, ...ABSENT, ...REDIRECTS] },
    ctx,
  )
  await head.discard()
  if (!REDIRECTS.includes(head.status)) return head.status === 200 ? sizeIn(head.headers['content-length']) : undefined
  const headers = { range: 'bytes=0-0' }
  const first = await http.request({ ...base, method: 'GET', headers, expect: [200, 206, 416, ...ABSENT] }, ctx)
  await first.discard()
  const [, total] = /\/(\d+)$/.exec(first.headers['content-range'] ?? '') ?? []
  return first.status === 200 ? sizeIn(first.headers['content-length']) : sizeIn(total)
}

function sizeIn(text: string | undefined): number | undefined {
  const size = Number(text ?? Number.NaN)
  return Number.isSafeInteger(size) ? size : undefined
}

/** The blob from `offset` on, also from a server that ignores `Range` or where it is to end. */
export async function readBlob(
  place: RepositoryClient,
  blob: Descriptor,
  { offset, end }: { readonly offset: number; readonly end: number },
  ctx: Context,
): Promise<Bytes> {
  if (offset > 0 && offset >= blob.size) return bytesOf()
  const { http, name, path } = place
  const request = {
    method: 'GET',
    url: `${path}/blobs/${blob.digest}`,
    scopes: [`repository:${name}:pull`],
    kind: laneOf(blob.size),
    isBlob: true,
    ...(offset > 0 || end < blob.size
      ? { headers: { range: `bytes=${offset}-${end < blob.size ? end - 1 : ''}` }, expect: [200, 206] }
      : { expect: [200] }),
  } as const
  const response = await doing(`read blob ${blob.digest} of ${name}`, http.request(request, ctx))
  if (response.status === 200) {
    const length = response.headers['content-length']
    if (length !== undefined && Number(length) !== blob.size) throw await ofOtherSize(blob, length, response)
    return offset === 0 ? response.body : skip(response.body, offset)
  }
  const [, first, total] = /^bytes\s+(\d+)-\d*\/(\d+|\*)/i.exec(response.headers['content-range'] ?? '') ?? []
  if (Number(first) !== offset) {
    await response.discard()
    throw new NetworkError(
      `asked for ${blob.digest} from byte ${offset}, the registry sent it from ${first ?? 'nowhere'}`,
    )
  }
  if (total !== '*' && Number(total) !== blob.size) throw await ofOtherSize(blob, total, response)
  return response.body
}

async function ofOtherSize({ digest, size }: Descriptor, has = '', response: HttpResponse): Promise<IntegrityError> {
  await response.discard()
  const text = `${digest} has ${has} bytes at the registry, its descriptor says ${size}`
  return new IntegrityError(text, { hint: 'push the image to that registry again' })
}

/** True if the blob was mounted, a session if the registry wants it uploaded instead, false if the mount failed for any other reason. The caller
 *  then uploads the blob, and that upload reports what is wrong with the registry, if anything is. */
export async function mountBlob(
  place: RepositoryClient,
  blob: Descriptor,
  from: string,
  ctx: Context,
): Promise<boolean | UploadSession> {
  const { http, name, path } = place
  const url = `${path}/blobs/uploads/`
  try {
    const response = await http.request(
      {
        method: 'POST',
        url: `${url}?${new URLSearchParams({ mount: blob.digest, from })}`,
        scopes: [`repository:${name}:pull,push`, `repository:${from}:pull`],
        body: new Uint8Array(0),
        expect: [201, 202],
        retry: false,
      },
      ctx,
    )
    await response.discard()
    return response.status === 201 ? true : sessionOf(http, response, url)
  } catch (error) {
    if (ctx.signal.aborted || !(error instanceof ReplicateError)) throw error
    return false
  }
}

function isElsewhere(response: HttpResponse): boolean {
  const { location } = response.headers
  if (!location || !URL.canParse(location, response.url)) return false
  return (
    new URL(location, response.url).hostname !== new URL(response.url).hostname ||
    new URL(location, response.url).port !== new URL(response.url).port
  )
}

async function* skip(bytes: Bytes, count: number): Bytes {
  let left = count
  for await (const chunk of bytes) {
    if (chunk.byteLength <= left) left -= chunk.byteLength
    else if (left > 0) {
      yield chunk.subarray(left)
      left = 0
    } else yield chunk
  }
}
