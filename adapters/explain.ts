/** Tells a vendor's refusals in words that say what is missing. */

import type { Adapter } from '../src/core/adapter.ts'
import type { ContentStore } from '../src/core/content.ts'
import type { Context } from '../src/core/context.ts'
import { CredentialError, RegistryError } from '../src/core/errors.ts'
import { restated } from '../src/oci/registry/restate.ts'

/** What a call to a store needs to be allowed. */
export type Right = 'pull' | 'list' | 'push' | 'delete'
/** The error to throw instead of `error`, or `error` itself. */
export type Explain = (error: unknown) => unknown

/** What `work` resolves to. */
export async function explained<T>(work: Promise<T>, explain: Explain): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw await explain(error)
  }
}

/** The same for a list. */
export async function* explainedItems<T>(items: AsyncIterable<T>, explain: Explain): AsyncIterable<T> {
  try {
    yield* items
  } catch (error) {
    throw await explain(error)
  }
}

/** A store each of whose failures is explained, with the right that the call needs. */
export function explainedStore(
  store: ContentStore,
  explain: (error: unknown, right: Right, ctx: Context) => unknown,
): ContentStore {
  const { referrers, mountBlob, deleteTag, deleteManifest, deletes } = store
  const telling =
    (right: Right, ctx: Context): Explain =>
    (error) =>
      explain(error, right, ctx)
  return {
    ...store,
    resolve: (reference, ctx) => explained(store.resolve(reference, ctx), telling('pull', ctx)),
    readManifest: (reference, ctx) => explained(store.readManifest(reference, ctx), telling('pull', ctx)),
    readBlob: (blob, offset, ctx, end) => explained(store.readBlob(blob, offset, ctx, end), telling('pull', ctx)),
    hasBlob: (blob, ctx) => explained(store.hasBlob(blob, ctx), telling('pull', ctx)),
    tags: (ctx) => explainedItems(store.tags(ctx), telling('list', ctx)),
    writeBlob: (blob, open, ctx, checkpoint) =>
      explained(store.writeBlob(blob, open, ctx, checkpoint), telling('push', ctx)),
    writeManifest: (manifest, reference, ctx) =>
      explained(store.writeManifest(manifest, reference, ctx), telling('push', ctx)),
    ...(referrers && {
      referrers: (subject, ctx) => explainedItems(referrers(subject, ctx), telling('pull', ctx)),
    }),
    ...(mountBlob && { mountBlob: (blob, from, ctx) => explained(mountBlob(blob, from, ctx), telling('push', ctx)) }),
    ...(deleteTag && { deleteTag: (tag, ctx) => explained(deleteTag(tag, ctx), telling('delete', ctx)) }),
    ...(deleteManifest && {
      deleteManifest: (digest, ctx) => explained(deleteManifest(digest, ctx), telling('delete', ctx)),
    }),
    ...(deletes && { deletes: (ctx) => explained(deletes(ctx), telling('delete', ctx)) }),
  }
}

/** Undefined where the account may not ask, or this version of the service does not know the question. */
export async function ifAllowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CredentialError || (error instanceof RegistryError && !error.retryable)) return undefined
    throw error
  }
}

/** The same adapter, whose repositories say what to do where a call is forbidden (403), as the answer to a HEAD says nothing. */
export function hintedAdapter(adapter: Adapter, hint: string): Adapter {
  const explain: Explain = (error) =>
    error instanceof RegistryError && error.status === 403 ? restated(error, error.message, hint) : error
  return { ...adapter, repository: (name) => explainedStore(adapter.repository(name), explain) }
}
