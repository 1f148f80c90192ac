/** Inspects one artifact at the destination down to its last blob: which content is missing or damaged. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import type { DifferenceKind } from '../../core/drift.ts'
import { describeError, IntegrityError, isNotFound } from '../../core/errors.ts'
import { contentsOf, descriptorOf, isForeign } from '../../core/manifest.ts'
import { formatBytes } from '../../core/size.ts'
import { isAttestation, isGiven, type Wanted } from '../../transfer/children.ts'
import { checkDepth, childrenOf, indexReader, type ReadManifest } from '../../transfer/family.ts'
import { type Attached, presenceOf, referrersOf } from '../../transfer/referrers.ts'

/** A difference without the artifact that it was found in. */
export interface Finding {
  readonly kind: DifferenceKind
  /** Empty where it is about no content. */
  readonly digest: Digest | ''
  readonly in?: string
  readonly message: string
}

/** One pair of repositories, and how closely they are looked at. */
export interface Inspection {
  readonly source: ContentStore
  readonly destination: ContentStore
  readonly keep: Wanted | undefined
  readonly foreignLayers: boolean
  readonly referrers: boolean
  /** Reads a blob of the destination; throws what is wrong with it. Absent: blobs are only asked for. */
  readonly read: ((blob: Descriptor, ctx: Context) => Promise<void>) | undefined
  /** What was seen, where several repositories share their blobs; absent: each inspection remembers its own. */
  readonly seen?: Map<string, Promise<readonly Finding[]>> | undefined
  /** Told each manifest and blob when it is looked at. */
  readonly looked?: ((content: Pick<Descriptor, 'digest' | 'size'>) => void) | undefined
}

export type Inspect = (
  root: Descriptor,
  options: { readonly made: boolean; readonly absent?: readonly Digest[] },
  ctx: Context,
) => Promise<readonly Finding[]>

/** Subjects whose referrers are compared at once. */
const SUBJECTS_AT_ONCE = 8

/** What several artifacts of the repository share is looked at once. `made`: the source has no such index, it was narrowed. */
export function createInspect(inspection: Inspection): Inspect {
  const { source, destination, keep, foreignLayers, read: readBlob } = inspection
  const { seen = new Map<string, Promise<readonly Finding[]>>(), looked } = inspection
  const manifests = new Map<string, Descriptor[]>()

  function once(key: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
    const known = seen.get(key)
    if (known) return known
    const result = work()
    seen.set(key, result)
    return result
  }

  function inspectManifest(
    digest: Digest,
    depth: number,
    read: ReadManifest,
    ctx: Context,
    absent: readonly Digest[] = [],
  ): Promise<readonly Finding[]> {
    return once(digest, async () => {
      checkDepth(depth, digest)
      const manifest = await readable(() => read(digest), 'manifest', digest)
      if ('kind' in manifest) return [manifest]
      looked?.(descriptorOf(manifest))
      const children = childrenOf(manifest, keep).filter((child) => !absent.includes(child.digest))
      manifests.set(digest, [descriptorOf(manifest), ...children])
      const blobs = contentsOf(manifest).blobs.filter((blob) => foreignLayers || !isForeign(blob))
      const findings = await Promise.all([
        // A store that makes its manifests calls one by the digest of a blob.
        ...blobs.map((blob) => once(`blob ${blob.digest}`, () => inspectBlob(blob, ctx))),
        ...children.map((child) => inspectChild(child, depth + 1, read, ctx)),
      ])
      return findings.flat().map((finding) => ('in' in finding ? finding : { ...finding, in: digest }))
    })
  }

  async function inspectChild(
    child: Descriptor,
    depth: number,
    read: ReadManifest,
    ctx: Context,
  ): Promise<readonly Finding[]> {
    const findings = await inspectManifest(child.digest, depth, read, ctx)
    const isMissing = findings.some(({ kind, digest }) => kind === 'missing_manifest' && digest === child.digest)
    // An attestation that the source does not have was left out.
    const isLeftOut = isMissing && keep && isAttestation(child) && !(await isGiven(child, source, ctx))
    return isLeftOut ? [] : findings
  }

  async function inspectBlob(blob: Descriptor, ctx: Context): Promise<readonly Finding[]> {
    looked?.(blob)
    const { digest } = blob
    const size = formatBytes(blob.size)
    if (!(await destination.hasBlob(blob, ctx))) {
      const found = await readable(async () => closed(await destination.readBlob(blob, 0, ctx)), 'blob', digest, size)
      if (found && 'kind' in found) return [found]
      return [{ kind: 'damaged_blob', digest, message: `damaged blob ${digest}: its size is not ${blob.size} bytes` }]
    }
    if (!readBlob) return []
    const found = await readable(() => readBlob(blob, ctx), 'blob', digest, size)
    return found ? [found] : []
  }

  /** Referrers that the source has and the destination lacks or has broken: of each subject, and of its referrers. */
  async function inspectReferrers(
    subjects: readonly Descriptor[],
    read: ReadManifest,
    ctx: Context,
  ): Promise<readonly Finding[]> {
    const found: Finding[] = []
    const compare = async ({ subject, referrers }: Attached): Promise<readonly Finding[]> => {
      const isThere = await presenceOf(subject, destination, ctx)
      const findings: Finding[] = []
      for (const referrer of referrers) {
        const { digest } = referrer
        if (await isThere(referrer))
          for (const finding of await inspectManifest(digest, 0, read, ctx)) findings.push(finding)
        // A list may name one that is gone.
        else if (await source.resolve(digest, ctx)) {
          const what = referrer.tag === undefined ? digest : `${digest} (tag ${referrer.tag})`
          findings.push({ kind: 'missing_referrer', digest, in: subject.digest, message: `missing referrer ${what}` })
        }
      }
      return findings
    }
    for await (const findings of mapConcurrent(referrersOf(subjects, source, ctx), SUBJECTS_AT_ONCE, compare)) {
      for (const finding of findings) found.push(finding)
    }
    return found
  }

  /** As far as it could be read. */
  function knownFamilyOf(root: Digest): readonly Descriptor[] {
    const family = new Map<Digest, Descriptor>()
    const queue = [root]
    for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
      for (const part of manifests.get(digest) ?? []) {
        if (family.has(part.digest)) continue
        family.set(part.digest, part)
        queue.push(part.digest)
      }
    }
    return [...family.values()]
  }

  return async (root, { made, absent }, ctx) => {
    const read = indexReader((digest) => destination.readManifest(digest, ctx))
    const findings = await inspectManifest(root.digest, 0, read, ctx, absent)
    if (!inspection.referrers) return findings
    const subjects = knownFamilyOf(root.digest).filter(({ digest }) => !made || digest !== root.digest)
    const attached = await inspectReferrers(subjects, read, ctx)
    // What an index and its referrer share is said once.
    const said = new Set(findings)
    return [...findings, ...attached.filter((finding) => !said.has(finding))]
  }
}

/** What was read, or what is wrong with it. Any other failure is thrown. */
async function readable<T>(
  read: () => Promise<T>,
  what: 'manifest' | 'blob',
  digest: Digest,
  size?: string,
): Promise<T | Finding> {
  try {
    return await read()
  } catch (error) {
    if (isNotFound(error)) {
      const message = `missing ${what} ${digest}${size === undefined ? '' : ` (${size})`}`
      return { kind: `missing_${what}`, digest, message }
    }
    if (!(error instanceof IntegrityError)) throw error
    return { kind: `damaged_${what}`, digest, message: `damaged ${what} ${digest}: ${describeError(error)}` }
  }
}

/** Ends a stream without reading it. */
async function closed(bytes: AsyncIterable<Uint8Array>): Promise<undefined> {
  for await (const _ of bytes) break
}
