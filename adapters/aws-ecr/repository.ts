/** What both kinds of ECR have in common: a repository with its content by the registry and its lists and deletes by the API, how they
 *  sign in, and how repositories are created. */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, NetworkError, RegistryError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explainedStore, type Right } from '../explain.ts'
import { tagInfo, untaggedInfo } from '../told.ts'
import { isPassword, permissionHint, type Service } from './aws.ts'

/** The API of a repository's images. */
export interface Images {
  /** False: the registry can be used, this API not. */
  isOpen(ctx: Context): Promise<boolean>
  /** The page after `token`; the first one without. */
  describe(token: string | undefined, untagged: boolean, ctx: Context): Promise<z.output<typeof IMAGES>>
  delete(image: ImageId, ctx: Context): Promise<z.output<typeof DELETED>>
}

/** By its tag just that tag; by its digest with all its tags. */
export type ImageId = { readonly imageTag: string } | { readonly imageDigest: string }

/** In bytes; only the last chunk of a layer may be smaller. */
export const SMALLEST_CHUNK = 5 * 1024 * 1024

/** The API gives no more at once. */
export const PAGE_SIZE = 1000

const IMAGE = z.looseObject({
  imageDigest: z.string().nullish(),
  imageTags: z.array(z.string()).nullish(),
  imageManifestMediaType: z.string().nullish(),
  imagePushedAt: z.date().nullish(),
})
export const IMAGES = z.looseObject({ imageDetails: z.array(IMAGE).nullish(), nextToken: z.string().nullish() })
export const DELETED = z.looseObject({
  failures: z
    .array(z.looseObject({ failureCode: z.string().nullish(), failureReason: z.string().nullish() }))
    .nullish(),
})

/** Tags with their digests, and where `untagged` artifacts without one. Where the API may not be asked, names from the registry. */
export async function* listImages(
  repository: string,
  images: Images,
  store: ContentStore,
  untagged: boolean,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  if (!(await images.isOpen(ctx))) return yield* store.tags(ctx)
  const read = async (token: string) => {
    const page = await images.describe(token === '' ? undefined : token, untagged, ctx)
    return { items: page.imageDetails ?? [], next: page.nextToken ?? undefined }
  }
  const seen = new Set<string>()
  try {
    for await (const image of itemsOf('', read, `tags of ${repository}`)) {
      for (const info of infosOf(image)) {
        if (info.tag === undefined ? !untagged : seen.has(info.tag)) continue
        if (info.tag !== undefined) seen.add(info.tag)
        yield info
      }
    }
  } catch (error) {
    if (seen.size > 0 || !isDenied(error)) throw error
    yield* namesOf(repository, store, error, ctx)
  }
}

/** To list the tags by the registry takes a permission of its own. */
async function* namesOf(
  repository: string,
  store: ContentStore,
  denied: RegistryError,
  ctx: Context,
): AsyncIterable<string> {
  ctx.emit({ type: 'log', level: 'debug', text: `${repository}: the registry lists the tags: ${denied.message}` })
  try {
    yield* store.tags(ctx)
  } catch (error) {
    throw isDenied(error) ? denied : error
  }
}

export function isDenied(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.status === 403
}

function infosOf(image: z.output<typeof IMAGE>): readonly TagInfo[] {
  const told = {
    digest: image.imageDigest,
    mediaType: image.imageManifestMediaType,
    pushed: image.imagePushedAt?.toISOString(),
  }
  const tags = image.imageTags ?? []
  const infos = tags.length === 0 ? [untaggedInfo(told)] : tags.map((tag) => tagInfo(tag, told))
  return infos.filter((info) => typeof info === 'object')
}

const REFERENCED = 'ImageReferencedByManifestList'
const GONE = /^(ImageNotFound|RepositoryNotFound)/

/** What could not be deleted is told in an answer that says 200. What is not there is deleted already. */
async function deleteImage(name: string, image: ImageId, images: Images, ctx: Context): Promise<void> {
  const answer = await images.delete(image, ctx).catch((error: unknown) => {
    if (isNotFound(error)) return { failures: [] }
    throw error
  })
  const failure = answer.failures?.find(({ failureCode }) => !GONE.test(failureCode ?? ''))
  if (!failure) return
  const { failureCode: code, failureReason: reason } = failure
  const why = code === REFERENCED ? `${code}: an index needs the manifest` : `${code}${reason ? ` (${reason})` : ''}`
  throw new RegistryError(`cannot delete ${name}: ${why}`, {
    ...{ status: 200, method: 'POST', path: '/#BatchDeleteImage', codes: code ? [code] : [] },
    hint:
      code === REFERENCED ? 'delete the index first: the last tag of a manifest takes the manifest with it' : undefined,
  })
}

const ACTIONS = {
  pull: ['BatchGetImage', 'GetDownloadUrlForLayer'],
  push: ['BatchCheckLayerAvailability', 'InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload', 'PutImage'],
  list: ['ListImages'],
  delete: ['BatchDeleteImage'],
} as const satisfies Readonly<Record<Right, readonly string[]>>

export interface EcrRepository {
  /** As the user knows it. */
  readonly name: string
  readonly service: Service
  readonly images: Images
  /** False: the API says that it does not exist. */
  exists(ctx: Context): Promise<boolean>
}

export function ecrRepository(store: ContentStore, repository: EcrRepository): ContentStore {
  const { name, service, images } = repository
  const own: ContentStore = {
    ...store,
    async writeBlob(blob, open, ctx, checkpoint) {
      try {
        await store.writeBlob(blob, open, ctx, checkpoint)
      } catch (error) {
        // A push to a repository that is not there is cut off: https://github.com/aws/containers-roadmap/issues/1970
        if (!(error instanceof NetworkError) || ctx.signal.aborted || (await repository.exists(ctx))) throw error
        throw missing(name, error)
      }
    },
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        // An immutable tag refuses what it points at already, too: https://github.com/aws/containers-roadmap/issues/2380
        if (!isImmutable(error) || (await store.resolve(reference, ctx))?.digest !== manifest.digest) throw error
      }
    },
    async deleteTag(tag, ctx) {
      // A digest here would delete all its tags.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      if (!(await images.isOpen(ctx))) return store.deleteTag?.(tag, ctx)
      await deleteImage(`${name}:${tag}`, { imageTag: tag }, images, ctx)
    },
    deletes: async (ctx) => ((await images.isOpen(ctx)) ? 'tag' : ((await store.deletes?.(ctx)) ?? 'tag')),
    async deleteManifest(digest, ctx) {
      if (!(await images.isOpen(ctx))) return store.deleteManifest?.(digest, ctx)
      await deleteImage(`${name}@${digest}`, { imageDigest: digest }, images, ctx)
    },
  }
  return explainedStore(own, (error, right) => hinted(error, right, service))
}

function hinted(error: unknown, right: Right, service: Service): unknown {
  if (!(error instanceof RegistryError) || error.status !== 403) return error
  // A quota is refused as if it were a permission: https://github.com/aws/containers-roadmap/issues/2159
  if (/quota|limit/i.test(error.message)) {
    const hint = 'raise the quota in AWS Service Quotas (Elastic Container Registry), or delete images'
    return restated(error, error.message, hint)
  }
  const actions = ACTIONS[right].map((action) => `${service}:${action}`).join(', ')
  return restated(error, error.message, permissionHint(error.message, actions))
}

function isImmutable(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 400 && error.codes.includes('TAG_INVALID')
}

function missing(name: string, cause: NetworkError): RegistryError {
  return new RegistryError(`there is no repository ${name}: ECR cut the push off`, {
    status: 404,
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/`,
    cause,
    hint: 'create it, or leave `destination.create` on',
  })
}

export const TOKEN = z.looseObject({
  authorizationToken: z.string().min(1),
  expiresAt: z.date().nullish(),
})

/** What can be sent as it is; undefined for what must be exchanged. Throws a `CredentialError` for what no AWS takes. */
export function ready(found: Credential, name: string): SentCredential | undefined {
  if (found.kind === 'basic' && isPassword(found)) return found
  if (found.kind === 'bearer' || found.kind === 'identity' || found.kind === 'service_account') {
    throw new CredentialError(`AWS takes no credential such as the one for ${name} from ${found.origin}`, {
      hint: 'give an access key (`type: access_key`), or `type: aws` for what AWS finds in its own places',
    })
  }
  return undefined
}

/** `authorizationToken` is user name and password as `Authorization: Basic` wants them. */
export function passwordOf(
  { authorizationToken, expiresAt }: z.output<typeof TOKEN>,
  found: Credential,
): SentCredential {
  const [username = '', ...password] = Buffer.from(authorizationToken, 'base64').toString('utf8').split(':')
  const origin = found.kind === 'anonymous' ? "AWS's own chain of credentials" : found.origin
  const expires = expiresAt ? { expires: expiresAt.getTime() } : {}
  return { kind: 'basic', username, password: password.join(':'), origin, ...expires }
}

/** Twice is fine. An account that may not create a repository may still push to one that exists. */
export async function created(creation: Promise<unknown>, ctx: Context): Promise<void> {
  try {
    await creation
  } catch (error) {
    if (error instanceof RegistryError && error.status === 409) return
    if (!isDenied(error)) throw error
    const hint = error.hint ? `; ${error.hint}` : ''
    ctx.emit({ type: 'log', level: 'warning', text: `${error.message}; the push is tried all the same${hint}` })
  }
}

/** The option `tags`, as AWS writes it. */
export function tagsOf({ tags }: NonNullable<Registry['options']>): { Key: string; Value: string }[] {
  const named = z.record(z.string(), z.string()).safeParse(tags).data ?? {}
  return Object.entries(named).map(([Key, Value]) => ({ Key, Value }))
}
