/** One repository of a registry as a `ContentStore`, by the OCI distribution API. */

import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import type { HttpClient } from '../../core/http.ts'
import { contentsOf, type Manifest } from '../../core/manifest.ts'
import { isTag } from '../../core/reference.ts'
import { Attachments } from './attachments.ts'
import { hasBlob, mountBlob, readBlob, sizeOfBlob } from './blobs.ts'
import { listNames } from './listing.ts'
import { deleteManifestAt, putManifest, readManifest, resolveManifest } from './manifests.ts'
import { addToFallback, isListed, type ReferrersSource, referrersOf } from './referrers.ts'
import type { Learned, UploadFacts, UploadRetry } from './upload/facts.ts'
import { abandonUpload, locationIn, type UploadSession } from './upload/session.ts'
import { uploadBlob } from './upload/upload.ts'

export interface RepositoryFacts {
  readonly upload: UploadFacts
  readonly retry: UploadRetry
  readonly mount: boolean
  readonly referrers: boolean | 'probe'
  readonly unprovenSubject?: boolean
  readonly deleteAction?: string
  readonly learned: Learned
}

const TAGS_PAGE = 1000

/** The store remembers which tags hang on digests, whether the registry has a referrers API, and which upload sessions refused mounts have
 *  opened. */
export function ociRepository(http: HttpClient, name: string, facts: RepositoryFacts): ContentStore {
  const path = `/v2/${name.split('/').map(encodeURIComponent).join('/')}`
  const place = { http, name, path, deleteAction: facts.deleteAction ?? 'delete' }
  const pull = [`repository:${name}:pull`]
  const push = [`repository:${name}:pull,push`]
  const opened = new Map<Digest, UploadSession>()
  const upload = { http, path, scopes: push, facts: facts.upload, retry: facts.retry, learned: facts.learned }

  const what = `tags of ${name}`
  const list = {
    http,
    path: `${path}/tags/list`,
    key: 'tags',
    scopes: pull,
    pageSize: TAGS_PAGE,
    what,
  } as const
  const tags = (ctx: Context): AsyncIterable<string> => attachments.watch(listNames(list, ctx))
  const attachments = new Attachments(tags)

  const referrers: ReferrersSource = {
    http,
    name,
    path,
    scopes: pull,
    source: {
      resolve: (reference, ctx) => resolveManifest(place, reference, ctx),
      readManifest: (reference, ctx) => readManifest(place, reference, ctx),
    },
    attachments,
    api: { supported: facts.referrers === 'probe' ? undefined : facts.referrers },
  }

  /** The session that a refused mount has opened, to upload the blob in it. */
  function take(digest: Digest): UploadSession | undefined {
    const session = opened.get(digest)
    opened.delete(digest)
    return session
  }

  async function abandon(digest: Digest, ctx: Context): Promise<void> {
    const session = take(digest)
    if (session) await abandonUpload(upload, session.location, ctx)
  }

  const store: ContentStore = {
    async resolve(reference, ctx) {
      const found = await resolveManifest(place, reference, ctx)
      if (found && isTag(reference)) attachments.named(found.digest)
      return found
    },
    async readManifest(reference, ctx) {
      const manifest = await readManifest(place, reference, ctx)
      if (isTag(reference)) attachments.named(manifest.digest)
      return manifest
    },
    tags,
    readBlob: (blob, offset, ctx, end = blob.size) => readBlob(place, blob, { offset, end }, ctx),
    sizeOfBlob: (digest, ctx) => sizeOfBlob(place, digest, ctx),
    async hasBlob(blob, ctx) {
      const isThere = await hasBlob(place, blob, ctx)
      if (isThere) await abandon(blob.digest, ctx)
      return isThere
    },
    referrers: (subject, ctx) => referrersOf(referrers, subject, ctx),
    hanging: {
      listed: (most) => attachments.listed(most),
      learn: (tags) => attachments.learn(tags),
      expect: (root, count) => attachments.expect(root, count),
    },
    async writeBlob(blob, open, ctx, checkpoint) {
      const session = take(blob.digest)
      await uploadBlob(upload, blob, open, { session, checkpoint }, ctx)
    },
    discardBlob: (state, ctx) => abandonUpload(upload, locationIn(state), ctx),
    async writeManifest(manifest, reference, ctx) {
      const answer = await putManifest(place, manifest, reference, ctx)
      attachments.written(reference)
      const subject = answer['oci-subject'] && !facts.unprovenSubject ? undefined : subjectOf(manifest)
      // Quay has the API without `OCI-Subject` in its answers; others answer with it and do not have the API.
      if (subject && !(await isListed(referrers, subject, manifest.digest, ctx)))
        await addToFallback(store, `${http.url}${path}`, subject, manifest, ctx)
    },
    async deleteTag(tag, ctx) {
      // A digest would delete the manifest with all its tags.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await deleteManifestAt(place, tag, ctx)
      attachments.deleted(tag)
    },
    // Only a delete would tell.
    deletes: async () => 'unknown',
    deleteManifest: (digest, ctx) => deleteManifestAt(place, digest, ctx),
  }
  if (!facts.mount) return store
  return {
    ...store,
    async mountBlob(blob, from, ctx) {
      const mounted = await mountBlob(place, blob, from, ctx)
      if (mounted === false) return false
      await abandon(blob.digest, ctx)
      if (mounted === true) return true
      opened.set(blob.digest, mounted)
      return false
    },
  }
}

function subjectOf(manifest: Manifest): Descriptor | undefined {
  // Most manifests have no subject; a search is cheaper than parsing.
  return Buffer.from(manifest.bytes.buffer, manifest.bytes.byteOffset, manifest.bytes.byteLength).includes('"subject"')
    ? contentsOf(manifest).subject
    : undefined
}
