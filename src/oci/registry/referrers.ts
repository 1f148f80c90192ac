/** Referrers by every convention: the referrers API, the fallback index of its tag schema, and cosign's tags. */

import type { ContentSource, ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest, Referrer } from '../../core/descriptor.ts'
import { CredentialError, isNotFound } from '../../core/errors.ts'
import { type HttpClient, type HttpResponse, REDIRECTS } from '../../core/http.ts'
import { descriptorFrom, MAX_MANIFEST_SIZE, type Manifest, OCI_INDEX } from '../../core/manifest.ts'
import { fallbackTag } from '../../core/reference.ts'
import { referrersIn, withReferrer } from '../fallback.ts'
import { malformedAnswer, nextPage } from './listing.ts'

export interface ReferrersSource {
  readonly http: HttpClient
  /** `/v2/<name>`. */
  readonly path: string
  readonly scopes: readonly string[]
  readonly source: Pick<ContentSource, 'resolve' | 'readManifest'>
  /** The tags that hold referrers, or undefined where the tags cannot be listed. */
  readonly attachments: (ctx: Context) => Promise<ReadonlySet<string> | undefined>
  /** Whether this repository's registry has the referrers API; found out by the first request that says so. */
  readonly api: {
    supported: boolean | undefined
    /** The first request, for which the others wait. */
    first?: Promise<void>
  }
}

/** More referrers of one subject than this are refused: no artifact has so many, but a page loop does. */
const MAX_REFERRERS = 10_000
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom'] as const

/** What refers to `subject`, each once. The fallback index itself is not among them: the destination gets one of its own. */
export async function* referrersOf(from: ReferrersSource, subject: Descriptor, ctx: Context): AsyncIterable<Referrer> {
  const seen = new Set<Digest>()
  // Those on tags come first: the same manifest may be found again by its subject, and its tag must not be lost.
  for (const suffix of COSIGN_SUFFIXES) {
    const tag = `${subject.digest.replace(':', '-')}.${suffix}`
    const descriptor = await tagged(from, tag, ctx)
    if (!descriptor) continue
    seen.add(descriptor.digest)
    yield { ...descriptor, tag }
  }
  const listed = (await byApi(from, subject.digest, ctx)) ?? (await byFallback(from, subject.digest, ctx))
  for (const descriptor of listed) {
    if (seen.has(descriptor.digest)) continue
    seen.add(descriptor.digest)
    yield descriptor
  }
}

/** Whether the registry's own API lists a referrer that has just been pushed: then it needs no fallback tag. */
export async function isListed(
  from: ReferrersSource,
  subject: Descriptor,
  referrer: Digest,
  ctx: Context,
): Promise<boolean> {
  const listed = await byApi(from, subject.digest, ctx)
  return listed?.some(({ digest }) => digest === referrer) ?? false
}

/** Enters `referrer` into the fallback index of its subject, keeping what is there. Idempotent. */
export async function addToFallback(
  store: Pick<ContentStore, 'readManifest' | 'writeManifest'>,
  key: string,
  subject: Descriptor,
  referrer: Manifest,
  ctx: Context,
): Promise<void> {
  const tag = fallbackTag(subject.digest)
  await inTurn(`${key}:${tag}`, async () => {
    const index = withReferrer(await found(store.readManifest(tag, ctx)), subject.digest, referrer)
    if (index) await store.writeManifest(index, tag, ctx)
  })
}

const turns = new Map<string, Promise<void>>()

/** Reading, merging and writing one index must not overlap with itself, whoever in this process does it. */
async function inTurn(key: string, merge: () => Promise<void>): Promise<void> {
  const before = turns.get(key) ?? Promise.resolve()
  const mine = before.then(merge, merge)
  turns.set(key, mine)
  try {
    await mine
  } finally {
    if (turns.get(key) === mine) turns.delete(key)
  }
}

async function tagged(from: ReferrersSource, tag: string, ctx: Context): Promise<Descriptor | undefined> {
  const attachments = await from.attachments(ctx)
  return !attachments || attachments.has(tag) ? from.source.resolve(tag, ctx) : undefined
}

async function byFallback(from: ReferrersSource, subject: Digest, ctx: Context): Promise<readonly Descriptor[]> {
  const tag = fallbackTag(subject)
  const attachments = await from.attachments(ctx)
  if (attachments && !attachments.has(tag)) return []
  return referrersIn(await found(from.source.readManifest(tag, ctx)), subject)
}

/** Undefined where the registry has no such API. */
async function byApi(from: ReferrersSource, subject: Digest, ctx: Context): Promise<readonly Descriptor[] | undefined> {
  const { api } = from
  if (api.supported === undefined && api.first) await api.first
  if (api.supported === false) return undefined
  const listed = listByApi(from, subject, ctx)
  api.first ??= listed.then(
    () => {},
    () => {},
  )
  return listed
}

async function listByApi(
  from: ReferrersSource,
  subject: Digest,
  ctx: Context,
): Promise<readonly Descriptor[] | undefined> {
  const { http, path } = from
  const what = `referrers of ${subject}`
  const url = `${path}/referrers/${subject}`
  const referrers: Descriptor[] = []
  const visited = new Set<string>()
  for (let next: string | undefined = url; next !== undefined; ) {
    if (visited.has(next)) throw malformedAnswer(what, url, 'its pages go round in a circle')
    visited.add(next)
    const response = await ask(from, next, ctx)
    if (!response || !isIndexAnswer(response)) {
      await response?.discard()
      if (visited.size > 1) throw malformedAnswer(what, url, 'a page of them is no image index')
      // Quay answers 400 for a digest it does not know, and has the API all the same.
      if (response?.status !== 400) from.api.supported = false
      return undefined
    }
    from.api.supported = true
    const link = nextPage(http, response.url, response.headers.link)
    const json = await response.json(MAX_MANIFEST_SIZE)
    const entries = typeof json === 'object' && json !== null && 'manifests' in json ? (json.manifests ?? []) : []
    if (!Array.isArray(entries)) throw malformedAnswer(what, url, 'its answer has no list of "manifests"')
    for (const entry of entries) referrers.push(descriptorFrom(entry, 'referrers'))
    if (referrers.length > MAX_REFERRERS) throw malformedAnswer(what, url, `they are more than ${MAX_REFERRERS}`)
    next = link
  }
  return referrers
}

/** The answer, or undefined where the registry would not give one. A redirect is followed on the registry's own host only: GHCR sends
 *  those who ask for referrers to a web page. */
async function ask(from: ReferrersSource, url: string, ctx: Context): Promise<HttpResponse | undefined> {
  const { http, scopes } = from
  const base = {
    method: 'GET',
    url,
    scopes,
    headers: { accept: OCI_INDEX },
    redirect: false,
    whole: MAX_MANIFEST_SIZE,
  } as const
  try {
    const response = await http.request({ ...base, expect: [200, 400, 403, 404, 405, ...REDIRECTS] }, ctx)
    const target = response.headers.location
    if (!REDIRECTS.includes(response.status) || !target || !URL.canParse(target, response.url)) return response
    const { host, href } = new URL(target, response.url)
    if (host !== new URL(http.url).host) return response
    await response.discard()
    return await http.request({ ...base, url: href, expect: [200, 400, 403, 404, 405, ...REDIRECTS] }, ctx)
  } catch (error) {
    // The manifest was readable, so this is about the API; a credential that has run out shows in what comes next.
    if (error instanceof CredentialError) return undefined
    throw error
  }
}

function isIndexAnswer(response: HttpResponse): boolean {
  const type = response.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  return response.status === 200 && type === OCI_INDEX
}

async function found(manifest: Promise<Manifest>): Promise<Manifest | undefined> {
  try {
    return await manifest
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
