/** The images of a repository as both kinds of ECR list and delete them. */

import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { type Digest, parseDigest } from '../../src/core/descriptor.ts'
import { isNotFound, RegistryError } from '../../src/core/errors.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'

/** The API of a repository's images. */
export interface Images {
  /** False: its content can be read and written, and this API not be used. */
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
  imageSizeInBytes: z.number().nullish(),
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
  const digest = parseDigest(image.imageDigest ?? '')
  if (!digest) return []
  const { imageTags, imageManifestMediaType, imageSizeInBytes, imagePushedAt } = image
  const info: TagInfo = {
    digest,
    ...(imageManifestMediaType ? { mediaType: imageManifestMediaType } : {}),
    ...(typeof imageSizeInBytes === 'number' ? { size: imageSizeInBytes } : {}),
    ...(imagePushedAt ? { pushed: imagePushedAt } : {}),
  }
  return imageTags?.length ? imageTags.map((tag) => ({ tag, ...info })) : [info]
}

export async function deleteTag(repository: string, tag: string, images: Images, ctx: Context): Promise<void> {
  const code = await deleteImage(`${repository}:${tag}`, { imageTag: tag }, images, ctx)
  if (code === REFERENCED) throw referenced(`the last tag of ${repository}:${tag}`)
}

export async function deleteManifest(repository: string, digest: Digest, images: Images, ctx: Context): Promise<void> {
  const code = await deleteImage(`${repository}@${digest}`, { imageDigest: digest }, images, ctx)
  if (code === REFERENCED) throw referenced(`${repository}@${digest}`)
}

/** Asks to delete a tag that cannot be there. */
export async function mayDelete(images: Images, ctx: Context): Promise<boolean> {
  try {
    await deleteImage('', { imageTag: `replicate-probe-${randomBytes(8).toString('hex')}` }, images, ctx)
    return true
  } catch (error) {
    if (isDenied(error)) return false
    throw error
  }
}

const REFERENCED = 'ImageReferencedByManifestList'
const GONE = /^(ImageNotFound|RepositoryNotFound)/

/** What could not be deleted is told in an answer that says 200. What is not there is deleted already. */
async function deleteImage(name: string, image: ImageId, images: Images, ctx: Context): Promise<string | undefined> {
  const answer = await images.delete(image, ctx).catch((error: unknown) => {
    if (isNotFound(error)) return { failures: [] }
    throw error
  })
  const failure = answer.failures?.find(({ failureCode }) => !GONE.test(failureCode ?? ''))
  const code = failure?.failureCode ?? (failure ? 'unknown' : undefined)
  if (code === undefined || code === REFERENCED) return code
  const why = `${code}${failure?.failureReason ? ` (${failure.failureReason})` : ''}`
  throw new RegistryError(`cannot delete ${name}: ${why}`, { ...DELETE_REQUEST, codes: [code] })
}

const DELETE_REQUEST = { status: 200, method: 'POST', path: '/#BatchDeleteImage' } as const

function referenced(what: string): RegistryError {
  return new RegistryError(`cannot delete ${what}: ${REFERENCED}: an index needs the manifest`, {
    ...DELETE_REQUEST,
    codes: [REFERENCED],
    hint: 'delete the index first: the last tag of a manifest takes the manifest with it',
  })
}
