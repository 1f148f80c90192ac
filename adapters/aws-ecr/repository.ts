/** A repository of either kind of ECR: content by the registry, deletes by the API, refusals told with the permission that is missing. */

import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { NetworkError, RegistryError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { deleteManifest, deleteTag, type Images, mayDelete } from './images.ts'
import { permissionHint, type Service } from './refusals.ts'

const ACTIONS = {
  pull: ['BatchGetImage', 'GetDownloadUrlForLayer'],
  push: ['BatchCheckLayerAvailability', 'InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload', 'PutImage'],
  list: ['ListImages'],
} as const
type Right = keyof typeof ACTIONS

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

  async function told<T>(right: Right, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw hinted(error, right, service)
    }
  }
  async function* toldOf<T>(right: Right, items: AsyncIterable<T>): AsyncIterable<T> {
    try {
      yield* items
    } catch (error) {
      throw hinted(error, right, service)
    }
  }
  const { referrers } = store
  return {
    ...store,
    tags: (ctx) => toldOf('list', store.tags(ctx)),
    ...(referrers ? { referrers: (subject, ctx) => toldOf('pull', referrers(subject, ctx)) } : {}),
    resolve: (reference, ctx) => told('pull', store.resolve(reference, ctx)),
    hasBlob: (blob, ctx) => told('pull', store.hasBlob(blob, ctx)),
    readManifest: (reference, ctx) => told('pull', store.readManifest(reference, ctx)),
    readBlob: (blob, offset, ctx) => told('pull', store.readBlob(blob, offset, ctx)),
    async writeBlob(blob, open, ctx, checkpoint) {
      try {
        await told('push', store.writeBlob(blob, open, ctx, checkpoint))
      } catch (error) {
        // A push to a repository that is not there is cut off: https://github.com/aws/containers-roadmap/issues/1970
        if (!(error instanceof NetworkError) || ctx.signal.aborted || (await repository.exists(ctx))) throw error
        throw missing(name, error)
      }
    },
    async writeManifest(manifest, reference, ctx) {
      try {
        await told('push', store.writeManifest(manifest, reference, ctx))
      } catch (error) {
        // An immutable tag refuses what it points at already, too: https://github.com/aws/containers-roadmap/issues/2380
        if (!isImmutable(error) || (await store.resolve(reference, ctx))?.digest !== manifest.digest) throw error
      }
    },
    async deleteTag(tag, ctx) {
      // A digest here would delete all its tags.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await ((await images.isOpen(ctx)) ? deleteTag(name, tag, images, ctx) : store.deleteTag?.(tag, ctx))
    },
    async deletes(ctx) {
      if (!(await images.isOpen(ctx))) return (await store.deletes?.(ctx)) ?? 'tag'
      return (await mayDelete(images, ctx)) ? 'tag' : 'nothing'
    },
    async deleteManifest(digest, ctx) {
      const isOpen = await images.isOpen(ctx)
      await (isOpen ? deleteManifest(name, digest, images, ctx) : store.deleteManifest?.(digest, ctx))
    },
  }
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
