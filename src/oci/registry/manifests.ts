/** Manifests of one repository over HTTP: resolve, read, write, delete. */

import type { Context } from '../../core/context.ts'
import { type Descriptor, type Digest, digestParts, looksLikeDigest, parseDigest } from '../../core/descriptor.ts'
import { ABSENT, IntegrityError, RegistryError, UnsupportedError } from '../../core/errors.ts'
import type { HttpClient, HttpResponse } from '../../core/http.ts'
import {
  computeDigest,
  contentsOf,
  isForeign,
  MANIFEST_TYPES,
  MAX_MANIFEST_SIZE,
  type Manifest,
  manifestOf,
} from '../../core/manifest.ts'
import { isTag } from '../../core/reference.ts'
import { doing, restated } from './restate.ts'

/** A repository that holds manifests, and the rights that its tokens need. */
export interface RepositoryClient {
  readonly http: HttpClient
  readonly name: string
  /** `/v2/<name>`. */
  readonly path: string
  /** What a token must allow to delete. */
  readonly deleteAction: string
}

/** One header line, because some servers read only the first. */
const ACCEPT = MANIFEST_TYPES.join(', ')
/** Content types that do not tell what kind of manifest it is. */
const VAGUE = new Set(['', 'application/json', 'application/octet-stream', 'text/plain'])

/** What a tag or digest points at: asked by HEAD, and by GET if the answer lacks type, digest or size. */
export async function resolveManifest(
  place: RepositoryClient,
  reference: string,
  ctx: Context,
): Promise<Descriptor | undefined> {
  const asked = digestIn(reference)
  const response = await request(place, 'HEAD', reference, [200, 400, ...ABSENT], ctx)
  await response.discard()
  if (response.status === 404) return undefined
  const { digest, mediaType, size } = described(response)
  if (response.status !== 200 || !digest || size === undefined || VAGUE.has(mediaType)) {
    return resolveByGet(place, reference, ctx)
  }
  if (asked && digestParts(asked).algorithm === digestParts(digest).algorithm && asked !== digest) {
    throw new IntegrityError(`the registry answered with another manifest: asked for ${asked}, got ${digest}`)
  }
  return { mediaType, digest: asked ?? digest, size }
}

/** The exact bytes, checked against the requested digest, or for a tag against the digest that the registry names. */
export async function readManifest(place: RepositoryClient, reference: string, ctx: Context): Promise<Manifest> {
  const asked = digestIn(reference)
  return checked(await request(place, 'GET', reference, [200], ctx), asked)
}

/** Writes the exact bytes, checks the digest in the registry's answer, and returns the answer's headers. */
export async function putManifest(
  place: RepositoryClient,
  manifest: Manifest,
  reference: string,
  ctx: Context,
): Promise<HttpResponse['headers']> {
  const put = isTag(reference) && digestParts(manifest.digest).algorithm !== 'sha256' ? putTagged : putOnce
  try {
    return await put(place, manifest, reference, ctx)
  } catch (error) {
    // The bytes changed on their way and are under the tag now: overwrite them.
    if (!(error instanceof IntegrityError)) throw error
    return put(place, manifest, reference, ctx)
  }
}

/** A registry gives a pushed tag a sha256 digest unless told otherwise. Pushes by digest with `?tag=`, and then, if the answer does not confirm
 *  the tag, by tag with `?digest=`. A registry without sha512 refuses the first push, so no tag with a wrong digest is left behind. */
async function putTagged(
  place: RepositoryClient,
  manifest: Manifest,
  tag: string,
  ctx: Context,
): Promise<HttpResponse['headers']> {
  const { digest } = manifest
  let headers = await putOnce(place, manifest, digest, ctx, { tag })
  if (headers['oci-tag'] === undefined) headers = await putOnce(place, manifest, tag, ctx, { digest })
  const now = (await resolveManifest(place, tag, ctx))?.digest
  if (now === digest) return headers
  throw new UnsupportedError(
    `the tag ${nameOf(place.name, tag)} points at ${now ?? 'nothing'} at the registry, not at ${digest}`,
    {
      hint: 'the registry does not support tags of manifests with such a digest',
    },
  )
}

async function putOnce(
  place: RepositoryClient,
  manifest: Manifest,
  reference: string,
  ctx: Context,
  query?: Readonly<Record<string, string>>,
): Promise<HttpResponse['headers']> {
  const { http, name, path } = place
  const request = {
    method: 'PUT',
    url: `${urlOf(path, reference)}${query ? `?${new URLSearchParams(query)}` : ''}`,
    scopes: [`repository:${name}:pull,push`],
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  } as const
  const response = await doing(`write ${nameOf(name, reference)}`, http.request(request, ctx)).catch((error) => {
    throw explained(error, manifest)
  })
  await response.discard()
  const stored = described(response).digest ?? (await resolveManifest(place, reference, ctx))?.digest
  // A registry may name the digest of the same bytes by another algorithm.
  const expected = stored && computeDigest(manifest.bytes, digestParts(stored).algorithm)
  if (!stored || stored !== expected) {
    throw new IntegrityError(
      `the registry stored another manifest than was sent: sent ${manifest.digest}, stored ${stored ?? 'none'}`,
    )
  }
  return response.headers
}

/** Explains a refused push where status and codes do not. */
function explained(error: unknown, manifest: Manifest): unknown {
  if (!(error instanceof RegistryError)) return error
  if (/immutab/i.test(`${error.message} ${error.codes.join(' ')}`)) {
    return restated(
      error,
      error.message,
      'the registry does not let this tag be overwritten: exclude it, or set `override: false`',
    )
  }
  if (refusesUrls(error) && hasForeignLayers(manifest)) {
    const message = `the registry does not allow the URLs of this image's foreign layers: ${error.message}`
    const hint =
      'allow these URLs in the registry (distribution: validation.manifests.urls.allow), or exclude the image'
    return new UnsupportedError(message, { cause: error, hint })
  }
  const { algorithm } = digestParts(manifest.digest)
  if (algorithm !== 'sha256' && error.codes.includes('DIGEST_INVALID')) {
    return restated(error, error.message, `this manifest has a ${algorithm} digest, which the registry may not support`)
  }
  return error
}

/** Distribution has no error code for a refused URL: it answers `UNKNOWN` for the layer, and once more for the whole. */
function refusesUrls({ status, codes }: RegistryError): boolean {
  return status === 500 && codes.filter((code) => code === 'UNKNOWN').length > 1
}

function hasForeignLayers(manifest: Manifest): boolean {
  return contentsOf(manifest).blobs.some((blob) => isForeign(blob) || (blob.urls?.length ?? 0) > 0)
}

/** Deletes a tag, or a manifest by its digest; one that does not exist counts as deleted. Throws an `UnsupportedError` if the registry does not
 *  delete tags, or manifests. */
export async function deleteManifestAt(place: RepositoryClient, reference: string, ctx: Context): Promise<void> {
  const { http, name, path, deleteAction } = place
  try {
    const response = await http.request(
      { method: 'DELETE', url: urlOf(path, reference), scopes: [`repository:${name}:${deleteAction}`] },
      ctx,
    )
    await response.discard()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    // zot answers 400 for a repository that does not exist.
    if (error.status === 404 || error.codes.includes('NAME_UNKNOWN')) return
    if (error.status !== 405 && error.status !== 400) throw error
    // Any other code names another reason, such as an immutable tag.
    const isRefusal = error.codes.every((code) => code === 'UNSUPPORTED' || code === 'DIGEST_INVALID')
    throw isRefusal ? cannotDelete(error, reference) : error
  }
}

function cannotDelete(cause: RegistryError, reference: string): UnsupportedError {
  const byDigest = looksLikeDigest(reference)
  const hint =
    cause.status === 405 || byDigest
      ? 'allow deletion in the registry (distribution: storage.delete.enabled), or set `deletion: never`'
      : 'the registry can only delete a manifest with all its tags; set `deletion: never`'
  const what = byDigest ? 'deletion' : 'deletion of just a tag'
  return new UnsupportedError(`the registry does not allow ${what}: ${cause.message}`, { cause, hint })
}

async function resolveByGet(place: RepositoryClient, reference: string, ctx: Context): Promise<Descriptor | undefined> {
  const response = await request(place, 'GET', reference, [200, 404], ctx)
  if (response.status === 404) {
    await response.discard()
    return undefined
  }
  const { mediaType, digest, bytes } = await checked(response, digestIn(reference))
  return { mediaType, digest, size: bytes.byteLength }
}

async function checked(response: HttpResponse, asked: Digest | undefined): Promise<Manifest> {
  const { digest, size } = described(response)
  if (size !== undefined && size > MAX_MANIFEST_SIZE) {
    await response.discard()
    throw new IntegrityError(`a manifest of ${size} bytes is larger than the limit of ${MAX_MANIFEST_SIZE} bytes`)
  }
  const bytes = await response.bytes(MAX_MANIFEST_SIZE)
  return manifestOf(bytes, response.headers['content-type'], asked ?? digest)
}

function request(
  place: RepositoryClient,
  method: 'GET' | 'HEAD',
  reference: string,
  expect: readonly number[],
  ctx: Context,
): Promise<HttpResponse> {
  const { http, name, path } = place
  const scopes = [`repository:${name}:pull`]
  const metered = method === 'GET'
  const whole = method === 'GET' ? { whole: MAX_MANIFEST_SIZE } : {}
  const request = {
    method,
    url: urlOf(path, reference),
    scopes,
    headers: { accept: ACCEPT },
    expect,
    metered,
    ...whole,
  }
  return doing(`read ${nameOf(name, reference)}`, http.request(request, ctx)).catch((error) => {
    throw error instanceof RegistryError && error.status === 412 ? restated(error, error.message, CONDITION) : error
  })
}

const CONDITION = 'the registry only allows pulls of images that meet a condition, such as a signature or a clean scan'

function nameOf(repository: string, reference: string): string {
  return `${repository}${looksLikeDigest(reference) ? '@' : ':'}${reference}`
}

function urlOf(path: string, reference: string): string {
  return `${path}/manifests/${encodeURIComponent(reference).replaceAll('%3A', ':')}`
}

/** What the headers of an answer tell about the manifest. */
function described(response: HttpResponse): {
  readonly digest: Digest | undefined
  readonly mediaType: string
  readonly size: number | undefined
} {
  const { 'docker-content-digest': digest = '', 'content-type': type = '', 'content-length': length } = response.headers
  // Some servers send 0 with every HEAD.
  const size = length !== undefined && /^[1-9]\d*$/.test(length) ? Number(length) : undefined
  return { digest: parseDigest(digest.trim()), mediaType: type.split(';')[0]?.trim().toLowerCase() ?? '', size }
}

/** The reference as a digest, or undefined if it is a tag. Throws an `UnsupportedError` for a digest that cannot be checked. */
function digestIn(reference: string): Digest | undefined {
  const digest = parseDigest(reference)
  if (!digest && looksLikeDigest(reference)) {
    throw new UnsupportedError(`digest ${reference.slice(0, 100)} is not a sha256 or sha512 digest`)
  }
  return digest
}
