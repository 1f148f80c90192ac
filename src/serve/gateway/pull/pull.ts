/** One artifact that clients pull while a run copies it: what is known of it, and which of its blobs are where. */

import type { Audience, Listener } from '../../../core/audience.ts'
import type { Clock } from '../../../core/cancel.ts'
import type { Context } from '../../../core/context.ts'
import type { Descriptor, Digest } from '../../../core/descriptor.ts'
import { messageOf, NetworkError } from '../../../core/errors.ts'
import { contentsOf, isSchema1, type Manifest } from '../../../core/manifest.ts'
import type { Others } from '../../../core/others.ts'
import type { Location } from '../../../core/plan.ts'
import type { PolicyOutcome } from '../../../core/requests.ts'
import { childrenOf } from '../../../transfer/family.ts'
import type { Turns } from '../../turns.ts'
import type { Pulled } from '../policy/narrowed.ts'
import { isMade, type Place } from '../policy/targets.ts'
import { slim } from '../slim.ts'
import { Attention } from './attention.ts'
import { Flight } from './flight.ts'
import { Following } from './following.ts'
import type { Room } from './room.ts'
import type { Spools } from './spool.ts'

/** What a manifest takes in memory: its bytes, what is known of all that it names, and what it takes anyway. */
const weightOf = ({ bytes }: Manifest): number => bytes.byteLength * 4 + 1024
/** How long clients may go on reading a blob from here once the destination has it, in milliseconds. */
const LINGER_MS = 30_000

export interface PullParts {
  readonly clock: Clock
  readonly spools: Spools
  /** For manifests, in bytes. */
  readonly room: Room
  readonly turns: Turns
  /** Those that bring something to the same registry. */
  readonly others: (pull: Pull) => readonly Pull[]
  /** Told of each blob that the artifact names. */
  readonly named: (blob: Descriptor) => void
  /** Aborted when the daemon ends. */
  readonly signal: AbortSignal
}

export class Pull implements Audience {
  readonly place: Pick<Location, 'registry' | 'repository'>
  readonly where: Place
  readonly pulled: Pulled
  readonly root: Digest
  /** Whose share of all pulls it takes. */
  readonly owner: string
  /** Resolves when the run has ended. */
  readonly done: Promise<PolicyOutcome>
  readonly #parts: PullParts
  readonly #attention: Attention
  readonly #manifests = new Map<string, Promise<Manifest>>()
  readonly #children = new Set<string>()
  readonly #flights = new Map<Digest, Flight>()
  /** Bytes of the room that it has taken, until it ends. */
  #taken = 0
  #isOver = false
  #end: (outcome: PolicyOutcome) => void

  constructor(where: Place, pulled: Pulled, root: Digest, owner: string, parts: PullParts) {
    this.where = where
    this.owner = owner
    this.place = { registry: where.destination.registry.name, repository: where.mapped }
    this.pulled = pulled
    this.root = root
    this.#parts = parts
    this.#attention = new Attention(parts.clock, !isMade(where))
    this.#children.add(root)
    const { promise, resolve } = Promise.withResolvers<PolicyOutcome>()
    this.done = promise
    this.#end = resolve
  }

  /** True for a manifest of the artifact that the policy wants, as far as its indexes were read. */
  hasManifest(digest: Digest): boolean {
    return this.#children.has(digest) || this.#manifests.has(digest)
  }

  /** What the artifact says of a blob. No one waits for it yet. */
  blob(digest: Digest): Descriptor | undefined {
    return this.#flights.get(digest)?.blob
  }

  /** For a client: read from the source at once, and for the run too. */
  async readManifest(digest: Digest, ctx: Context): Promise<Manifest> {
    this.#attention.ask(digest)
    const { from } = this.where
    return this.manifest(digest, () => from.readManifest(digest, ctx))
  }

  /** For a client. Undefined where the artifact does not name the blob. */
  wantBlob(digest: Digest): Following | undefined {
    const flight = this.#flights.get(digest)
    if (!flight) return undefined
    if (flight.isOver) {
      this.#attention.ask(digest)
      return new Following(flight)
    }
    this.#attention.want(digest)
    const others = this.#parts.others(this).flatMap((pull) => pull.passed(digest) ?? [])
    return new Following(flight, others)
  }

  /** For a client of another pull: that of a blob which is still to come. */
  passed(digest: Digest): Flight | undefined {
    const flight = this.#flights.get(digest)
    if (!flight || flight.isOver) return undefined
    this.#attention.want(digest)
    return flight
  }

  async manifest(digest: string, read: () => Promise<Manifest>): Promise<Manifest> {
    const known = this.#manifests.get(digest)
    if (known) return known
    const reading = read().then((manifest) => {
      // Where there is no room it is read again by the next one.
      if (!this.#note(manifest)) this.#manifests.delete(digest)
      return manifest
    })
    this.#manifests.set(digest, reading)
    reading.catch(() => this.#manifests.delete(digest))
    return reading
  }

  /** What the plan has read. */
  give(manifest: Manifest): void {
    if (this.#note(manifest)) this.#manifests.set(manifest.digest, Promise.resolve(manifest))
  }

  /** False where there is no room for it. */
  #note(manifest: Manifest): boolean {
    const weight = weightOf(manifest)
    if (this.#isOver || !this.#parts.room.take(weight)) return false
    this.#taken += weight
    if (isSchema1(manifest.mediaType)) return true
    for (const child of childrenOf(manifest, this.where.target.selection.children)) this.#children.add(child.digest)
    for (const blob of contentsOf(manifest).blobs) {
      if (!this.#flights.has(blob.digest)) this.#flights.set(blob.digest, new Flight(slim(blob)))
      this.#parts.named(blob)
    }
    return true
  }

  wanted(digest: Digest): AbortSignal {
    return this.#attention.wanted(digest)
  }

  get others(): Others {
    return this.#parts.turns.others({
      wanted: (digest) => this.wanted(digest),
      want: (digest) => this.#attention.want(digest),
    })
  }

  calm(signal: AbortSignal): Promise<void> {
    return this.#attention.calm(signal)
  }

  listener(blob: Descriptor): Listener | undefined {
    if (!this.#attention.wanted(blob.digest).aborted) return undefined
    return this.#flights.get(blob.digest)?.listen(this.#parts.spools.open(blob.size))
  }

  arrived(blob: Descriptor): void {
    this.#attention.settle(blob.digest)
    const flight = this.#flights.get(blob.digest)
    flight?.arrive()
    if (flight?.isLive) void this.#linger(flight)
  }

  failed(blob: Descriptor, error: unknown): void {
    this.#attention.settle(blob.digest)
    this.#flights.get(blob.digest)?.fail(error)
  }

  end(outcome: PolicyOutcome): void {
    const why = outcome.error ?? new NetworkError('the run has ended without it')
    for (const flight of this.#flights.values()) {
      if (outcome.exitCode === 0) flight.arrive()
      else flight.fail(why)
    }
    this.#end(outcome)
    this.#parts.room.give(this.#taken)
    this.#isOver = true
  }

  /** The destination has it, but clients that have begun to read it here may go on for a while. */
  async #linger(flight: Flight): Promise<void> {
    await this.#parts.clock.sleep(LINGER_MS, this.#parts.signal).catch(() => {})
    await flight.closeSpool()
  }
}

/** Why a run has not brought what it was to bring; undefined where it has. */
export function failureOf({ exitCode, error, execution }: PolicyOutcome): Error | undefined {
  if (exitCode === 0) return undefined
  if (error instanceof Error) return error
  const which = execution ? `execution ${execution.id}` : 'the run'
  return new NetworkError(
    error === undefined ? `${which} has failed: see \`replicate executions tasks\`` : messageOf(error),
  )
}
