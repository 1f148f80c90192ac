/** Referrers in an OCI layout: found by every convention in use, and written so that other tools find them too. */

import { throwIfAborted } from '../../core/cancel.ts'
import { type Descriptor, type Digest, digestParts, parseDigest, type Referrer } from '../../core/descriptor.ts'
import { isNotFound, ReplicateError } from '../../core/errors.ts'
import { computeDigest, contentsOf, descriptorOf, isIndex, type Manifest, OCI_INDEX } from '../../core/manifest.ts'
import type { LayoutFiles } from './directory.ts'
import { descriptorOfEntry, dropEntries, entriesOf, findTag, isLoose, isOf, type LayoutIndex, setTag } from './index.ts'
import { readManifestBytes } from './manifest.ts'

/** What a manifest says of itself as a referrer. */
interface Facts {
  readonly subject: Digest | undefined
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

const NOTHING: Facts = { subject: undefined, artifactType: undefined, annotations: undefined }

/** Manifests whose subject is remembered, at most. */
const REMEMBERED = 100_000

/** The subjects of a layout's manifests, each read once: what a digest names never changes. */
export class Subjects {
  readonly #facts = new Map<Digest, Promise<Facts | undefined>>()

  /** The subject of the manifest with this digest; undefined where it has none, or is not there. */
  async of(files: LayoutFiles, digest: Digest): Promise<Digest | undefined> {
    const size = await files.blobSize(digest)
    return size === undefined ? undefined : (await this.facts(files, { mediaType: '', digest, size }))?.subject
  }

  facts(files: LayoutFiles, descriptor: Descriptor): Promise<Facts | undefined> {
    const known = this.#facts.get(descriptor.digest)
    if (known) return known
    const facts = readFacts(files, descriptor)
    const oldest = this.#facts.size < REMEMBERED ? undefined : this.#facts.keys().next().value
    if (oldest !== undefined) this.#facts.delete(oldest)
    this.#facts.set(descriptor.digest, facts)
    // Not there, or not readable now: another time perhaps.
    facts.then(
      (result) => result ?? this.#facts.delete(descriptor.digest),
      () => this.#facts.delete(descriptor.digest),
    )
    return facts
  }
}

/** Manifests with a `subject`, the fallback index's entries, cosign's tags. Each digest once. */
export async function* referrersIn(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Descriptor,
  subjects: Subjects,
  signal: AbortSignal,
): AsyncIterable<Referrer> {
  const found = new Map<Digest, Referrer>()
  const fallback = fallbackTag(subject.digest)
  const prefix = `${subject.digest.replace(':', '-')}.`
  for (const entry of entriesOf(index)) {
    throwIfAborted(signal)
    const own = isOf(entry, files.naming, repository)
    if (!own && !isLoose(entry)) continue
    if (entry.tag === fallback || !parseDigest(entry.digest)) continue
    const descriptor = descriptorOfEntry(entry)
    if (own && entry.tag?.startsWith(prefix)) found.set(descriptor.digest, { ...descriptor, tag: entry.tag })
    else if (!found.has(descriptor.digest)) {
      const facts = await subjects.facts(files, descriptor)
      if (facts?.subject === subject.digest) found.set(descriptor.digest, describe(descriptor, facts))
    }
  }
  for (const descriptor of await fallbackEntries(files, index, repository, subject.digest)) {
    if (!found.has(descriptor.digest)) found.set(descriptor.digest, descriptor)
  }
  yield* found.values()
}

/** Puts a referrer into the fallback index of its subject. Called under the layout's lock. */
export async function addToFallback(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Descriptor,
  referrer: Manifest,
  signal: AbortSignal,
): Promise<LayoutIndex> {
  const entries = await fallbackEntries(files, index, repository, subject.digest)
  if (entries.some((entry) => entry.digest === referrer.digest)) return index
  const { artifactType, annotations } = contentsOf(referrer)
  const entry = describe(descriptorOf(referrer), { subject: subject.digest, artifactType, annotations })
  return writeFallback(files, index, repository, subject.digest, [...entries, entry], signal)
}

/** Takes a referrer out of the fallback index; an empty one goes. Called under the layout's lock. */
export async function dropFromFallback(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Digest,
  digest: Digest,
  signal: AbortSignal,
): Promise<LayoutIndex> {
  const entries = await fallbackEntries(files, index, repository, subject)
  const left = entries.filter((entry) => entry.digest !== digest)
  if (left.length === entries.length) return index
  if (left.length > 0) return writeFallback(files, index, repository, subject, left, signal)
  return dropEntries(index, files.naming, repository, (entry) => entry.tag === fallbackTag(subject))
}

/** The tag of the fallback index: `sha256-<hex>`, the hex part cut to 64 digits (distribution specification 1.1). */
function fallbackTag(digest: Digest): string {
  const { algorithm, hex } = digestParts(digest)
  return `${algorithm}-${hex.slice(0, 64)}`
}

async function fallbackEntries(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Digest,
): Promise<readonly Descriptor[]> {
  const entry = findTag(index, files.naming, repository, fallbackTag(subject))
  if (!entry || !isIndex(entry.mediaType)) return []
  try {
    return contentsOf(await readManifestBytes(files, descriptorOfEntry(entry))).manifests
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}

async function writeFallback(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Digest,
  entries: readonly Descriptor[],
  signal: AbortSignal,
): Promise<LayoutIndex> {
  // Sorted, so that the order in which referrers arrive leaves no trace.
  const manifests = [...entries].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  const fallback = { mediaType: OCI_INDEX, digest: computeDigest(bytes), size: bytes.byteLength }
  if ((await files.blobSize(fallback.digest)) !== fallback.size) {
    await files.writeBlob(
      fallback,
      (async function* () {
        yield bytes
      })(),
      signal,
    )
  }
  return setTag(index, files.naming, repository, fallbackTag(subject), fallback)
}

async function readFacts(files: LayoutFiles, descriptor: Descriptor): Promise<Facts | undefined> {
  try {
    const { subject, artifactType, annotations } = contentsOf(await readManifestBytes(files, descriptor))
    // Most refer to nothing, and then no more is worth remembering.
    return subject ? { subject: subject.digest, artifactType, annotations } : NOTHING
  } catch (error) {
    // A manifest that cannot be read refers to nothing; whoever copies it is told why.
    if (error instanceof ReplicateError) return undefined
    throw error
  }
}

function describe(descriptor: Descriptor, facts: Facts): Descriptor {
  const { mediaType, digest, size } = descriptor
  return {
    mediaType,
    digest,
    size,
    ...(facts.artifactType === undefined ? {} : { artifactType: facts.artifactType }),
    ...(facts.annotations ? { annotations: facts.annotations } : {}),
  }
}
