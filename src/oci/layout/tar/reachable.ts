/** What an index leads to: what is left of a copy that failed is not reachable, and is not packed. */

import type { Descriptor, Digest } from '../../../core/descriptor.ts'
import { ReplicateError } from '../../../core/errors.ts'
import { contentsOf } from '../../../core/manifest.ts'
import type { LayoutFiles } from '../files.ts'
import { descriptorOfEntry, type LayoutIndex } from '../index.ts'
import { readManifestBytes } from '../manifest.ts'

/** The sizes of all blobs that the index leads to and that are present, by digest. */
export async function reachable(files: LayoutFiles, index: LayoutIndex): Promise<ReadonlyMap<Digest, number>> {
  const found = new Map<Digest, number>()
  const manifests = Array.from(index.all(), descriptorOfEntry)
  const add = async ({ digest }: Descriptor): Promise<boolean> => {
    const size = found.has(digest) ? undefined : await files.blobSize(digest)
    if (size !== undefined) found.set(digest, size)
    return size !== undefined
  }
  for (let next = manifests.pop(); next; next = manifests.pop()) {
    if (!(await add(next))) continue
    const contents = await contentsIn(files, next)
    for (const blob of contents?.blobs ?? []) await add(blob)
    for (const child of contents?.manifests ?? []) manifests.push(child)
  }
  return found
}

/** Undefined for a manifest that cannot be read: an entry of another writer, which leads nowhere. */
async function contentsIn(
  files: LayoutFiles,
  manifest: Descriptor,
): Promise<ReturnType<typeof contentsOf> | undefined> {
  try {
    return contentsOf(await readManifestBytes(files, manifest))
  } catch (error) {
    if (error instanceof ReplicateError) return undefined
    throw error
  }
}
