/** Finds what clients ask for: at the destination, or on its way there from the source. */

import type { RegistryEvent } from '../../core/adapter.ts'
import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { descriptorOf, type Manifest } from '../../core/manifest.ts'
import { attachmentSubject } from '../../core/reference.ts'
import type { History } from '../../history/history.ts'
import { createAbsences } from './absences.ts'
import { type BlobThere, createBlobs, type Reader } from './blobs.ts'
import { Bounded } from './bounded.ts'
import { createManifests } from './manifests.ts'
import { type Admission, admit } from './policy/admission.ts'
import type { Pulled } from './policy/narrowed.ts'
import { createNewest } from './policy/newest.ts'
import { repairOf } from './policy/repair.ts'
import { inPlace, isMade, type Place, placeKey } from './policy/targets.ts'
import type { Following } from './pull/following.ts'
import { failureOf, type Pull } from './pull/pull.ts'
import type { Bring, Pulls } from './pull/pulls.ts'
import { unlessAborted } from './pull/waiting.ts'
import { Refusal } from './refusal.ts'
import { createTags, type Look, landing } from './tags.ts'

/** A manifest for a client; without its bytes for a HEAD of what was not read. */
export interface FoundManifest {
  readonly place: Place
  readonly descriptor: Descriptor
  readonly manifest?: Manifest
  /** Of a copy whose source was not asked, or has it no more. */
  readonly warning?: string
  /** The source was not read for it. */
  readonly hit: boolean
}

/** A blob for a client: the destination's, or one on its way there. */
export interface FoundBlob extends BlobThere {
  readonly place: Place
  readonly flight?: Following
}

/** Who asks, and how. */
export interface Asker {
  /** Only what it is, is asked for: nothing is copied for it. */
  readonly head: boolean
  /** Whose share of all pulls it takes. */
  readonly user: string | undefined
  /** Aborted when the client goes away: it waits no longer, and what it has started goes on. */
  readonly signal: AbortSignal
}

/** Each throws a `Refusal`. */
export interface Artifacts {
  tagged(places: readonly Place[], tag: string, asker: Asker): Promise<FoundManifest>
  byDigest(places: readonly Place[], digest: Digest, asker: Asker): Promise<FoundManifest>
  blob(places: readonly Place[], digest: Digest, asker: Asker & Reader): Promise<FoundBlob>
  /** Waits until what refers to the subject has been copied with it, if it is on its way. */
  settled(place: Place, subject: Digest, asker: Asker): Promise<void>
  /** Tags that are on their way to the place. */
  arriving(place: Place): readonly string[]
  /** A pull names a blob. */
  named(pull: Pull, blob: Descriptor): void
  /** The source of a policy has told of it. */
  told(policy: string, event: RegistryEvent): void
  /** Another configuration is in force. */
  clear(): void
}

export interface ArtifactParts {
  readonly history: History
  readonly clock: Clock
  readonly pulls: Pulls
  readonly ctx: Context
}

/** Roots that are remembered, so that a client may ask for one by its digest. */
const MOST_ROOTS = 20_000

export function createArtifacts({ history, clock, pulls, ctx }: ArtifactParts): Artifacts {
  const tags = createTags(clock, ctx)
  const absent = {
    admissions: createAbsences<Admission>(clock, ({ kind }) => kind === 'refused'),
    manifests: createAbsences<Manifest | undefined>(clock, (found) => found === undefined),
    blobs: createAbsences<BlobThere | undefined>(clock, (found) => found === undefined),
  }
  const absences = Object.values(absent)
  const newest = createNewest(clock)
  const blobs = createBlobs(absent.blobs)
  const manifests = createManifests(clock, ctx, (place, blob) => blobs.remember(place, blob))
  /** By digest: the tag that a client found it by. */
  const roots = new Bounded<string, Pulled>(MOST_ROOTS)

  /** One plan for all clients that ask for the same at once. */
  async function admission(place: Place, pulled: Pulled, shallow: boolean, seen?: Look): Promise<Admission> {
    const { selection } = place.target
    // What is remembered of one policy says nothing of another, nor of a newer one.
    const verdict = pulled.tag === undefined ? undefined : selection.tag(pulled.tag)
    if (pulled.repository !== place.repository || verdict?.kept === false) {
      return { kind: 'refused', reason: verdict?.rule ?? 'another repository' }
    }
    return absent.admissions.find(place, `${pulled.tag}@${pulled.digest} ${shallow}`, () =>
      admit(place, pulled, { records: history, clock, shallow, newest, seen: seen?.isNew ? seen : undefined }, ctx),
    )
  }

  /** `isNew`: the destination has named it just now. */
  async function there(place: Place, descriptor: Descriptor, tag: string, isNew = true): Promise<FoundManifest> {
    const manifest = await manifests.read(place, descriptor.digest, landing(place, tag), isNew)
    return { place, descriptor: descriptorOf(manifest), manifest, hit: true }
  }

  /** Its manifest from the source at once, or from the destination once the run has ended, where the two are not the same. */
  async function brought(
    place: Place,
    pulled: Pulled,
    pull: Pull,
    { signal }: Pick<Asker, 'signal'>,
  ): Promise<FoundManifest> {
    if (!isMade(place)) {
      const manifest = await unlessAborted(pull.readManifest(pull.root, ctx), signal)
      return { place, descriptor: descriptorOf(manifest), manifest, hit: false }
    }
    const failure = failureOf(await unlessAborted(pull.done, signal))
    if (failure) throw failure
    const reference = pulled.tag === undefined ? pull.root : landing(place, pulled.tag)
    const now = await place.to.resolve(reference, ctx)
    if (!now) throw new Refusal(404, 'MANIFEST_UNKNOWN', 'it was copied, and the destination does not have it')
    const manifest = await manifests.read(place, now.digest, pulled.tag && reference, true)
    return { place, descriptor: descriptorOf(manifest), manifest, hit: false }
  }

  function started(place: Place, pulled: Pulled, admitted: Bring, { user }: Asker): Pull {
    const pull = pulls.start(place, pulled, admitted, user)
    const { tag } = pulled
    for (const one of absences) one.changed(place)
    void pull.done.then(() => {
      for (const one of absences) one.changed(place)
    })
    if (tag !== undefined) {
      roots.set(at(place, pull.root), pulled)
      void pull.done.then(async (outcome) => {
        tags.forget(place, tag)
        // Its blobs may be asked for again: then another run brings the rest.
        if (outcome.exitCode === 0 && !isMade(place)) {
          const manifest = await pull.readManifest(pull.root, ctx).catch(() => undefined)
          if (manifest) tags.put(place, tag, descriptorOf(manifest))
        }
      })
    }
    return pull
  }

  async function taggedIn(place: Place, tag: string, asker: Asker): Promise<FoundManifest> {
    const { head } = asker
    const pulled = { repository: place.repository, tag }
    const seen = await tags.see(place, tag)
    if (seen.kind === 'absent') {
      if (seen.refused !== undefined) throw new Refusal(403, 'DENIED', seen.refused)
      throw new Refusal(404, 'MANIFEST_UNKNOWN', `${place.target.policy.source.registry} does not have ${tag}`)
    }
    if (seen.kind === 'there') {
      const { warning } = seen
      if (head) return { place, descriptor: seen.there, hit: true, ...(warning === undefined ? {} : { warning }) }
      return { ...(await there(place, seen.there, tag, seen.isNew)), ...(warning === undefined ? {} : { warning }) }
    }
    const { upstream } = seen
    const active = pulls.of(place, pulled, upstream.digest)
    if (active) return { ...(await brought(place, pulled, active, asker)), hit: true }
    const isShallow = head && !isMade(place)
    const admitted = await admission(place, pulled, isShallow, seen)
    if (admitted.kind === 'bring') {
      roots.set(at(place, upstream.digest), pulled)
      if (isShallow) return { place, descriptor: upstream, hit: false }
      return brought(place, pulled, started(place, pulled, admitted, asker), asker)
    }
    // An earlier content of the tag, which the policy let through then.
    const now = admitted.kind === 'there' ? await place.to.resolve(landing(place, tag), ctx) : seen.there
    if (now) {
      tags.put(place, tag, now)
      return there(place, now, tag)
    }
    const reason = admitted.kind === 'refused' ? admitted.reason : 'the destination does not have it any more'
    throw new Refusal(404, 'MANIFEST_UNKNOWN', reason)
  }

  /** An attachment travels with its image, and is not asked for at the source by itself. */
  async function attached(
    place: Place,
    tag: string,
    subject: Digest,
    asker: Asker,
  ): Promise<FoundManifest | undefined> {
    await settled(place, subject, asker)
    const now = await inPlace(place, place.to.resolve(tag, ctx), ctx)
    return now && there(place, now, tag)
  }

  async function settled(place: Place, subject: Digest, asker: Asker): Promise<void> {
    const known = roots.get(at(place, subject))
    const active = pulls.in(place).find((pull) => pull.hasManifest(subject))
    if (active) await unlessAborted(active.done, asker.signal)
    else if (known?.tag !== undefined && !(await inPlace(place, place.to.resolve(subject, ctx), ctx))) {
      const admitted = await admission(place, known, false)
      if (admitted.kind === 'bring') await unlessAborted(started(place, known, admitted, asker).done, asker.signal)
    }
  }

  async function fromSource(place: Place, digest: Digest, asker: Asker): Promise<FoundManifest | undefined> {
    const known = roots.get(at(place, digest))
    if (known?.tag !== undefined) {
      const found = await taggedIn(place, known.tag, asker)
      if (found.descriptor.digest === digest) return found
    }
    const pulled = pulledBy(digest, place)
    if (!pulled) return undefined
    const admitted = await admission(place, pulled, asker.head)
    if (admitted.kind !== 'bring') return undefined
    if (!asker.head) return brought(place, pulled, started(place, pulled, admitted, asker), asker)
    const descriptor = await place.from.resolve(digest, ctx)
    return descriptor && { place, descriptor, hit: false }
  }

  return {
    async tagged(places, tag, asker) {
      const rules: string[] = []
      for (const place of places) {
        const { selection, policy } = place.target
        const subject = attachmentSubject(tag)
        const verdict = selection.tag(tag)
        if (subject && !selection.tags?.includes(tag)) {
          const found = await attached(place, tag, subject, asker)
          if (found) return found
          rules.push(`${tag} did not come with its image`)
        } else if (selection.digest !== undefined) rules.push(`policy ${policy.name} has digest: ${selection.digest}`)
        else if (verdict.kept) return taggedIn(place, tag, asker)
        else rules.push(`policy ${policy.name} has ${verdict.rule}`)
      }
      throw new Refusal(404, 'MANIFEST_UNKNOWN', `${tag} is not selected: ${rules.join('; ')}`)
    },
    async byDigest(places, digest, asker) {
      for (const place of places) {
        const active = pulls.in(place).find((pull) => pull.hasManifest(digest))
        if (active) {
          const manifest = await unlessAborted(active.readManifest(digest, ctx), asker.signal)
          return { place, descriptor: descriptorOf(manifest), manifest, hit: true }
        }
        const manifest = await absent.manifests.find(place, digest, () => manifests.find(place, digest))
        if (manifest) return { place, descriptor: descriptorOf(manifest), manifest, hit: true }
      }
      for (const place of places) {
        const found = await fromSource(place, digest, asker)
        if (found) return found
      }
      const hint = 'the destination does not have it, and it was not pulled by a tag that a policy selects'
      throw new Refusal(404, 'MANIFEST_UNKNOWN', hint)
    },
    async blob(places, digest, asker) {
      for (const place of places) {
        for (const pull of pulls.in(place)) {
          const blob = pull.blob(digest)
          if (blob && asker.head) return { place, blob }
          const flight = blob && pull.wantBlob(digest)
          if (flight) return { place, blob, flight }
        }
        const found = await blobs.open(place, digest, asker, ctx)
        if (found) return { place, ...found }
      }
      for (const place of places) {
        const { pulled, blob } = blobs.named(place, digest) ?? {}
        if (pulled?.tag === undefined && pulled?.digest === undefined) continue
        // The run that was to bring it has failed, or the destination has lost it.
        const admitted = await admission(place, pulled, asker.head)
        if (admitted.kind === 'refused') continue
        if (asker.head && blob) return { place, blob }
        const bring = admitted.kind === 'bring' ? admitted : await repairOf(place, pulled, ctx)
        if (!bring) continue
        const pull = started(place, pulled, bring, asker)
        await unlessAborted(pull.readManifest(pull.root, ctx), asker.signal)
        const flight = pull.wantBlob(digest)
        if (flight && blob) return { place, blob, flight }
      }
      throw new Refusal(404, 'BLOB_UNKNOWN', 'no manifest that was pulled names it')
    },
    settled,
    arriving: (place) =>
      pulls.in(place).flatMap(({ pulled: { tag } }) => (tag === undefined ? [] : [landing(place, tag)])),
    named: (pull, blob) => blobs.remember(pull.where, blob, pull.pulled),
    told(policy, { repository, tag }) {
      tags.changed(policy, repository, tag)
      newest.forget(policy, repository)
    },
    clear() {
      tags.clear()
      roots.clear()
      newest.clear()
      for (const one of absences) one.clear()
    },
  }
}

function at(place: Place, digest: Digest): string {
  return `${placeKey(place)}@${digest}`
}

/** A digest without a tag is pulled where the policy has no rule that needs a tag. */
function pulledBy(digest: Digest, { target, repository }: Place): Pulled | undefined {
  const { filters } = target.policy
  if (target.selection.digest !== undefined) {
    return target.selection.digest === digest ? { repository, digest } : undefined
  }
  for (const [tag, pinned] of target.selection.pinned) if (pinned === digest) return { repository, tag }
  const rules = [filters.tag, filters.semver, filters.regex?.tag, filters.regex?.exclude?.tag, filters.exclude?.tag]
  const others = [filters.newest, filters.label, filters.exclude?.label, filters.deprecated, filters.pushed_within]
  return [...rules, ...others].every((rule) => rule === undefined) ? { repository, digest } : undefined
}
