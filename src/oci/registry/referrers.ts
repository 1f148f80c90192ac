/** Referrers by every convention: the referrers API, the fallback index of its tag schema, and tags that hang on a digest. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentSource, ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest, Referrer } from '../../core/descriptor.ts'
import { ABSENT, CredentialError, isNotFound, messageOf, RegistryError, ReplicateError } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'
import { type HttpClient, type HttpResponse, REDIRECTS } from '../../core/http.ts'
import { descriptorFrom, MAX_MANIFEST_SIZE, type Manifest, OCI_INDEX } from '../../core/manifest.ts'
import { fallbackTag } from '../../core/reference.ts'
import { isReferrersIndex, referrersIn, withReferrer } from '../fallback.ts'
import type { Attachments } from './attachments.ts'
import { malformedAnswer, nextPage } from './listing.ts'

export interface ReferrersSource {
  readonly http: HttpClient
  /** `library/alpine`. */
  readonly name: string
  /** `/v2/<name>`. */
  readonly path: string
  readonly scopes: readonly string[]
  readonly source: Pick<ContentSource, 'resolve' | 'readManifest'>
  readonly attachments: Attachments
  /** Whether the registry has the referrers API; undefined until an answer shows it. */
  readonly api: {
    supported: boolean | undefined
    /** The first request; the others wait for it. */
    first?: Promise<void>
  }
}

/** The most referrers of one subject that are accepted. No artifact has as many; endless pages do. */
const MAX_REFERRERS = 10_000
/** Of all pages with the referrers of one subject together, in bytes. */
const MAX_WEIGHT = 64 * 1024 * 1024
const MAX_PAGES = 1000
const TAGS_AT_ONCE = 8

/** What refers to `subject`. A manifest that hangs on tags comes once for each tag, any other one once. The fallback index itself is left out: the
 *  destination gets its own. */
export async function* referrersOf(from: ReferrersSource, subject: Descriptor, ctx: Context): AsyncIterable<Referrer> {
  const found = new Map<string, Referrer>()
  const enter = (referrer: Referrer): void => {
    found.set(`${referrer.tag ?? ''}@${referrer.digest}`, referrer)
    if (found.size > MAX_REFERRERS) throw tooMany(from, subject)
  }
  const listed = byApi(from, subject.digest, ctx)
  // Thrown where it is awaited.
  listed.catch(() => {})
  const onTags = new Set<Digest>()
  const tags = await from.attachments.of(subject.digest, ctx)
  const unnamed: Descriptor[] = []
  for await (const attached of mapConcurrent(tags, TAGS_AT_ONCE, (tag) => attachedBy(from, tag, subject, ctx))) {
    for (const referrer of attached) {
      if (referrer.tag === undefined) unnamed.push(referrer)
      else {
        onTags.add(referrer.digest)
        enter(referrer)
      }
    }
  }
  // A manifest that hangs on a tag may also be listed by its subject; its tag must be kept.
  for (const referrer of [...((await listed) ?? []), ...unnamed]) {
    if (!onTags.has(referrer.digest)) enter(briefly(referrer))
  }
  yield* found.values()
}

/** Whether the referrers API lists a referrer that was just pushed; if so, it needs no fallback index. */
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

/** Runs one after another in this process whatever reads, merges and writes the same index. */
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

/** The referrers that a tag adds: the manifest under it, or all that it names if it is the fallback index. */
async function attachedBy(
  from: ReferrersSource,
  tag: string,
  subject: Descriptor,
  ctx: Context,
): Promise<readonly Referrer[]> {
  const descriptor = await resolved(from, tag, ctx)
  // GitLab's registry answers `sha256-<hex>` with the subject itself.
  if (!descriptor || descriptor.digest === subject.digest) return []
  if (tag !== fallbackTag(subject.digest) || !isReferrersIndex(descriptor, subject.digest))
    return [{ ...descriptor, tag }]
  try {
    return referrersIn(await found(from.source.readManifest(tag, ctx)), subject.digest)
  } catch (error) {
    if (!(error instanceof ReplicateError) || error.retryable || error instanceof RegistryError) throw error
    const text = `referrers in ${from.name}:${tag} stay behind: ${error.message}`
    ctx.emit({ type: 'log', level: 'warning', text })
    return []
  }
}

/** Undefined if the tag does not exist. Some registries answer 401 or 403 for a missing tag of a repository that can be read. */
async function resolved(from: ReferrersSource, tag: string, ctx: Context): Promise<Descriptor | undefined> {
  try {
    return await from.source.resolve(tag, ctx)
  } catch (error) {
    if (!(error instanceof CredentialError) && !(error instanceof RegistryError && error.status === 403)) throw error
    const text = `${from.name}:${tag} is taken as missing: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
    return undefined
  }
}

/** Undefined if the registry does not have the API. */
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
  let weight = 0
  for (let next: string | undefined = url; next !== undefined; ) {
    if (visited.has(next) || visited.size === MAX_PAGES) throw malformedAnswer(what, url, 'its pages have no end')
    visited.add(next)
    const response = await ask(from, next, ctx)
    if (!response || !isIndexAnswer(response)) {
      await response?.discard()
      if (visited.size > 1) throw malformedAnswer(what, url, 'one of the pages is not an image index')
      // Quay has the API and answers 400 for a digest that it does not know.
      if (response?.status !== 400) from.api.supported = false
      return undefined
    }
    from.api.supported = true
    next = nextPage(http, response.url, response.headers.link)
    const bytes = await response.bytes(MAX_MANIFEST_SIZE)
    weight += bytes.byteLength
    if (weight > MAX_WEIGHT) throw malformedAnswer(what, url, `they weigh more than ${MAX_WEIGHT} bytes`)
    for (const entry of entriesIn(bytes, what, url)) referrers.push(briefly(descriptorFrom(entry, 'referrers')))
    if (referrers.length > MAX_REFERRERS) throw tooMany(from, { digest: subject })
  }
  return referrers
}

function entriesIn(bytes: Uint8Array, what: string, url: string): readonly unknown[] {
  let json: unknown
  try {
    json = parseJson(bytes)
  } catch (error) {
    throw malformedAnswer(what, url, messageOf(error))
  }
  const entries = typeof json === 'object' && json !== null && 'manifests' in json ? (json.manifests ?? []) : []
  if (!Array.isArray(entries)) throw malformedAnswer(what, url, 'its answer has no list of "manifests"')
  return entries
}

/** Without annotations and data, which may be large and are read with the manifest itself. */
function briefly({ mediaType, digest, size, artifactType }: Descriptor): Descriptor {
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) }
}

function tooMany({ path }: ReferrersSource, { digest }: Pick<Descriptor, 'digest'>): RegistryError {
  return malformedAnswer(`referrers of ${digest}`, `${path}/referrers/${digest}`, `they are more than ${MAX_REFERRERS}`)
}

/** The answer, or undefined if access was denied. Redirects are followed on the registry's own host only: GHCR redirects a request for referrers to
 *  a web page. */
async function ask(from: ReferrersSource, url: string, ctx: Context): Promise<HttpResponse | undefined> {
  const { http, scopes } = from
  const base = {
    method: 'GET',
    url,
    scopes,
    headers: { accept: OCI_INDEX },
    redirect: false,
    whole: MAX_MANIFEST_SIZE,
    expect: [200, 400, 403, ...ABSENT, ...REDIRECTS],
  } as const
  try {
    const response = await http.request(base, ctx)
    const target = response.headers.location
    if (!REDIRECTS.includes(response.status) || !target || !URL.canParse(target, response.url)) return response
    const { host, href } = new URL(target, response.url)
    if (host !== new URL(http.url).host) return response
    await response.discard()
    return await http.request({ ...base, url: href }, ctx)
  } catch (error) {
    // The manifest itself could be read, so only the API is closed. A credential that has expired fails the next request, too.
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
