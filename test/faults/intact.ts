/** What must hold of a destination however a run ended: nothing there refers to content that is missing or damaged. */

import { type Digest, digestParts, parseDigest } from '../../src/core/descriptor.ts'
import { computeDigest } from '../../src/core/manifest.ts'
import type { Artifact } from '../support/images.ts'
import { referencesOf } from '../support/memory-manifests.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'

/** A sentence for everything that is wrong; empty where all is well. */
export function damageIn(registry: MemoryRegistry): readonly string[] {
  const found: string[] = []
  for (const [name, { blobs, manifests, tags }] of registry.repositories) {
    for (const [tag, digest] of tags) if (!manifests.has(digest)) found.push(`${name}:${tag} names a missing manifest`)
    for (const [digest, { mediaType, bytes }] of manifests) {
      if (!isDigestOf(digest, bytes)) found.push(`manifest ${digest} of ${name} is damaged`)
      const references = referencesOf(mediaType, bytes)
      for (const reference of [...references.blobs, ...references.manifests]) {
        const named = parseDigest(reference)
        const holds = references.manifests.includes(reference) ? manifests : blobs
        if (!named || !holds.has(named)) found.push(`${digest} of ${name} names ${reference}, which is missing`)
      }
    }
    for (const [digest, blob] of blobs) {
      if ('byteLength' in blob && !isDigestOf(digest, blob)) found.push(`blob ${digest} of ${name} is damaged`)
    }
  }
  return found
}

/** A sentence for everything that `artifact` consists of and the repository lacks. */
export function missingFrom(registry: MemoryRegistry, repository: string, artifact: Artifact): readonly string[] {
  const { blobs, manifests } = registry.repository(repository)
  return [
    ...(manifests.has(artifact.digest) ? [] : [`manifest ${artifact.digest}`]),
    ...[...artifact.blobs.keys()].filter((digest) => !blobs.has(digest)).map((digest) => `blob ${digest}`),
    ...artifact.children.flatMap((child) => missingFrom(registry, repository, child)),
  ]
}

function isDigestOf(digest: Digest, bytes: Uint8Array): boolean {
  return computeDigest(bytes, digestParts(digest).algorithm) === digest
}
