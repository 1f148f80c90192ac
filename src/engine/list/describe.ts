/** Looks into one artifact: its platforms, its size, and what refers to it. Reads manifests, never a layer. */

import { forEachConcurrent } from '../../core/concurrent.ts'
import type { ContentSource } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Descriptor, type Digest, platformName } from '../../core/descriptor.ts'
import { IntegrityError, isNotFound } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'
import type { Details, ListedPlatform, ListedReferrer } from '../../core/inventory.ts'
import { type Contents, contentsOf, isIndex, type Manifest } from '../../core/manifest.ts'
import { familyOf, indexReader } from '../../transfer/family.ts'
import { referrersOf } from '../../transfer/referrers.ts'
import { resourceTypeOf } from '../artifact.ts'

/** Manifests of one artifact read at once. */
const AT_ONCE = 8
/** A larger config is not read for its platform, in bytes. */
const MAX_CONFIG = 1024 * 1024
const CONFIGS = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']

/** What is known of one manifest: undefined for one that is not there. */
type Part = { readonly manifest: Manifest; readonly contents: Contents } | undefined

/** `family`, if given, gets the digests of the artifact's manifests and of all that refers to them. */
export async function describe(
  digest: Digest,
  store: ContentSource,
  ctx: Context,
  family: Set<string> = new Set(),
): Promise<Details> {
  const readIndex = indexReader((named) => store.readManifest(named, ctx))
  const root = await readIndex(digest)
  const members = await familyOf(root, undefined, tolerant(readIndex))
  const parts = new Map<string, Part>()
  await forEachConcurrent(members, AT_ONCE, async (member) => {
    parts.set(member.digest, await partOf(member, digest, readIndex, store, ctx))
  })
  const present = members.filter((member) => parts.get(member.digest))
  const referrers: ListedReferrer[] = []
  for await (const { subject, referrers: found } of referrersOf(present, store, ctx)) {
    for (const one of found) {
      referrers.push({
        digest: one.digest,
        artifact_type: one.artifactType ?? null,
        tag: one.tag ?? null,
        subject: subject.digest,
        bytes: one.size,
      })
    }
  }
  for (const one of [...members, ...referrers]) family.add(one.digest)
  const sizes = sizesOf(members, parts)
  return {
    type: resourceTypeOf(root),
    artifact_type: contentsOf(root).artifactType ?? null,
    platforms: isIndex(root.mediaType)
      ? platformsOf(members, parts)
      : await ownPlatform(root, sumOf(sizes.values()), store, ctx),
    bytes: sumOf(sizes.values()),
    blobs: sizes.size,
    referrers,
  }
}

/** An index that is not there has no children that could be found. */
function tolerant(read: (digest: string) => Promise<Manifest>): (digest: string) => Promise<Manifest> {
  return (digest) =>
    read(digest).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
      return { mediaType: '', digest: digest as Digest, bytes: Buffer.from('{}') }
    })
}

async function partOf(
  member: Descriptor,
  root: Digest,
  readIndex: (digest: string) => Promise<Manifest>,
  store: ContentSource,
  ctx: Context,
): Promise<Part> {
  try {
    const isRead = member.digest === root || isIndex(member.mediaType)
    const manifest = isRead ? await readIndex(member.digest) : await store.readManifest(member.digest, ctx)
    return { manifest, contents: contentsOf(manifest) }
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Each blob and each manifest once. */
function sizesOf(members: readonly Descriptor[], parts: ReadonlyMap<string, Part>): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const { digest } of members) {
    const part = parts.get(digest)
    if (!part) continue
    sizes.set(digest, part.manifest.bytes.byteLength)
    for (const blob of part.contents.blobs) sizes.set(blob.digest, blob.size)
  }
  return sizes
}

function platformsOf(members: readonly Descriptor[], parts: ReadonlyMap<string, Part>): readonly ListedPlatform[] {
  return members.flatMap((member) => {
    const { platform, digest } = member
    if (!platform || platform.os === 'unknown') return []
    const bytes = parts.get(digest) ? sumOf(sizesOf([member], parts).values()) : null
    return [{ platform: platformName(platform), digest, bytes }]
  })
}

/** That of an image alone, which only its config tells. */
async function ownPlatform(
  root: Manifest,
  bytes: number,
  store: ContentSource,
  ctx: Context,
): Promise<readonly ListedPlatform[]> {
  const { config } = contentsOf(root)
  if (!config || !CONFIGS.includes(config.mediaType) || config.size > MAX_CONFIG) return []
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of await store.readBlob(config, 0, ctx)) {
      length += chunk.byteLength
      if (length > config.size) return []
      chunks.push(chunk.slice())
    }
    const json = parseJson(Buffer.concat(chunks))
    if (typeof json !== 'object' || json === null) return []
    const { os, architecture, variant } = json as Record<string, unknown>
    if (typeof os !== 'string' || typeof architecture !== 'string' || !os || !architecture) return []
    const platform = { os, architecture, ...(typeof variant === 'string' ? { variant } : {}) }
    return [{ platform: platformName(platform), digest: root.digest, bytes }]
  } catch (error) {
    // The artifact can be listed without it; `verify` says what is missing or damaged.
    if (isNotFound(error) || error instanceof IntegrityError || error instanceof SyntaxError) return []
    throw error
  }
}

function sumOf(sizes: Iterable<number>): number {
  let sum = 0
  for (const size of sizes) sum += size
  return sum
}
