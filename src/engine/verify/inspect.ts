/** One artifact at the destination, read to its last blob: what it names and does not have, or has wrong. */

import type { Clock } from '../../core/cancel.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest, Referrer } from '../../core/descriptor.ts'
import type { DifferenceKind } from '../../core/drift.ts'
import { describeError, IntegrityError, isNotFound } from '../../core/errors.ts'
import { contentsOf, descriptorOf, isForeign } from '../../core/manifest.ts'
import { formatBytes } from '../../core/size.ts'
import { type KeepPlatform, wantedChildren } from '../../transfer/children.ts'
import { MAX_DEPTH } from '../../transfer/narrow.ts'
import { resumable } from '../../transfer/resumable.ts'
import type { Slots } from '../../transfer/slots.ts'
import { BlobHash } from '../../transfer/stream.ts'

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
  readonly keepPlatform: KeepPlatform | undefined
  readonly foreignLayers: boolean
  readonly referrers: boolean
  /** Every blob is read and hashed, so many at once; absent: it is only asked for. */
  readonly full: Slots | undefined
  readonly clock: Clock
}

export type Inspect = (
  root: Descriptor,
  options: { readonly made: boolean },
  ctx: Context,
) => Promise<readonly Finding[]>

/** How often a blob that breaks off is read on, and the first pause in milliseconds. */
const ATTEMPTS = 5
const PAUSE = 200

/** What several artifacts of the repository share is looked at once. `made`: the source has no such index, it was narrowed. */
export function createInspect(inspection: Inspection): Inspect {
  const { source, destination, keepPlatform, foreignLayers, full, clock } = inspection
  const seen = new Map<string, Promise<readonly Finding[]>>()
  const manifests = new Map<string, Descriptor[]>()

  function once(key: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
    const known = seen.get(key)
    if (known) return known
    const result = work()
    seen.set(key, result)
    return result
  }

  function inspectManifest(digest: Digest, depth: number, ctx: Context): Promise<readonly Finding[]> {
    return once(digest, async () => {
      if (depth > MAX_DEPTH) throw new IntegrityError(`indexes nest deeper than ${MAX_DEPTH} at ${digest}`)
      const manifest = await readable(() => destination.readManifest(digest, ctx), 'manifest', digest)
      if ('kind' in manifest) return [manifest]
      const contents = contentsOf(manifest)
      const children = wantedChildren(contents.manifests, keepPlatform)
      manifests.set(digest, [descriptorOf(manifest), ...children])
      const blobs = contents.blobs.filter((blob) => foreignLayers || !isForeign(blob))
      const findings = await Promise.all([
        ...blobs.map((blob) => once(blob.digest, () => inspectBlob(blob, ctx))),
        ...children.map((child) => inspectManifest(child.digest, depth + 1, ctx)),
      ])
      return findings.flat().map((finding) => ('in' in finding ? finding : { ...finding, in: digest }))
    })
  }

  async function inspectBlob(blob: Descriptor, ctx: Context): Promise<readonly Finding[]> {
    const { digest } = blob
    const size = formatBytes(blob.size)
    if (!(await destination.hasBlob(blob, ctx))) {
      const found = await readable(async () => closed(await destination.readBlob(blob, 0, ctx)), 'blob', digest, size)
      if (found && 'kind' in found) return [found]
      return [{ kind: 'damaged_blob', digest, message: `damaged blob ${digest}: its size is not ${blob.size} bytes` }]
    }
    if (!full) return []
    const found = await full.use(blob, ctx.signal, () => readable(() => hashed(blob, ctx), 'blob', digest, size))
    return found ? [found] : []
  }

  /** Throws an `IntegrityError` where the bytes are not the blob. */
  async function hashed(blob: Descriptor, ctx: Context): Promise<undefined> {
    const hash = new BlobHash(blob)
    let position = 0
    const open = (offset: number) => destination.readBlob(blob, offset, ctx)
    const mayRetry = async (_error: unknown, attempt: number): Promise<boolean> => {
      if (attempt >= ATTEMPTS) return false
      await clock.sleep(PAUSE * 2 ** (attempt - 1), ctx.signal)
      return true
    }
    for await (const chunk of resumable(open, 0, blob.size, mayRetry)) {
      hash.update(chunk, position)
      position += chunk.byteLength
      if (position > blob.size) break
    }
    await hash.check(position)
  }

  /** Referrers that the source has and the destination lacks or has broken: of each subject, and of its referrers. */
  async function inspectReferrers(subjects: readonly Descriptor[], ctx: Context): Promise<readonly Finding[]> {
    if (!source.referrers) return []
    const findings: Finding[] = []
    const asked = new Set<string>()
    const queue = [...subjects]
    for (let subject = queue.shift(); subject; subject = queue.shift()) {
      if (asked.has(subject.digest)) continue
      asked.add(subject.digest)
      const wanted = await collect(source.referrers(subject, ctx))
      if (wanted.length === 0) continue
      const there = new Set((await collect(destination.referrers?.(subject, ctx))).map(nameOf))
      for (const referrer of wanted) {
        const { digest } = referrer
        if (there.has(nameOf(referrer))) findings.push(...(await inspectManifest(digest, 0, ctx)))
        // A list may name one that is gone.
        else if (await source.resolve(digest, ctx)) {
          const what = referrer.tag === undefined ? digest : `${digest} (tag ${referrer.tag})`
          findings.push({ kind: 'missing_referrer', digest, in: subject.digest, message: `missing referrer ${what}` })
        }
      }
      queue.push(...wanted)
    }
    return findings
  }

  function familyOf(digest: string, known = new Set<string>()): readonly Descriptor[] {
    if (known.has(digest)) return []
    known.add(digest)
    const [own, ...children] = manifests.get(digest) ?? []
    return own ? [own, ...children.flatMap((child) => [child, ...familyOf(child.digest, known)])] : []
  }

  return async (root, { made }, ctx) => {
    const findings = await inspectManifest(root.digest, 0, ctx)
    if (!inspection.referrers) return findings
    const subjects = familyOf(root.digest).filter(({ digest }) => !made || digest !== root.digest)
    const attached = await inspectReferrers(subjects, ctx)
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

/** Ends a stream that nobody wants to read. */
async function closed(bytes: AsyncIterable<Uint8Array>): Promise<undefined> {
  for await (const _ of bytes) break
}

async function collect(referrers: AsyncIterable<Referrer> | undefined): Promise<readonly Referrer[]> {
  const collected: Referrer[] = []
  if (referrers) for await (const referrer of referrers) collected.push(referrer)
  return collected
}

function nameOf({ tag, digest }: Referrer): string {
  return tag === undefined ? digest : `${tag}@${digest}`
}
