/**
 * Tasks that copy one artifact to several destinations at the same time: each of its blobs is read from the source once.
 *
 * A blob's meeting:  joining → closed (each member has joined or declined, or the join window is over) → the leader holds a slot →
 *                    all read one stream; one that stops reading is left behind → all ended, the slot is free
 */

import type { Bytes } from '../core/content.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { NetworkError } from '../core/errors.ts'
import { Broadcast } from './broadcast.ts'

/** How long the first task that needs a blob waits for its siblings to say whether they do. They say it within a request or two, unless they
 *  wait for something else: then they read it themselves later. */
const JOIN_WINDOW_MS = 1000

/** What each member brings: a stream, and room to write it. Those of the first are used for all. */
export interface Leader {
  readonly open: () => Promise<Bytes>
  readonly isHeld: () => boolean
  /** `isShared`: for all members, not for this one alone. */
  readonly holdSlot: (isShared: boolean, work: () => Promise<void>) => Promise<void>
}

/** One member's part in a stream that several write. */
export interface Share {
  /** The whole stream; to be taken once. Undefined where it has begun without this member. */
  read(): Bytes | undefined
  /** Called instead by a member that does not want it after all: the others wait for it. */
  leave(): void
  /** Aborted when the others continue without this member, which must then stop using the stream at once. */
  readonly leftBehind: AbortSignal
}

class Group {
  readonly members = new Set<object>()
  readonly #decided = new Map<string, Set<object>>()
  readonly #meetings = new Map<string, BlobMeeting>()

  markDecided(digest: string, member: object): void {
    const decided = this.#decided.get(digest) ?? new Set()
    this.#decided.set(digest, decided.add(member))
    this.closeComplete()
  }

  join(digest: string, member: object): BlobMeeting {
    const known = this.#meetings.get(digest)
    const meeting = known ?? new BlobMeeting()
    meeting.members.add(member)
    if (!known) {
      this.#meetings.set(digest, meeting)
      const timer = setTimeout(() => this.#close(digest, meeting), JOIN_WINDOW_MS)
      meeting.closed.then(() => clearTimeout(timer))
    }
    this.markDecided(digest, member)
    return meeting
  }

  /** Closes the meetings of which every member has decided. */
  closeComplete(): void {
    for (const [digest, meeting] of this.#meetings) {
      const decided = this.#decided.get(digest)
      if ([...this.members].every((member) => decided?.has(member))) this.#close(digest, meeting)
    }
  }

  #close(digest: string, meeting: BlobMeeting): void {
    if (this.#meetings.get(digest) === meeting) this.#meetings.delete(digest)
    meeting.close()
  }
}

class BlobMeeting {
  readonly members = new Set<object>()
  readonly closed: Promise<void>
  close: () => void
  readonly slotHeld = Promise.withResolvers<void>()
  readonly #leftBehind = new Map<object, AbortController>()
  readonly #ended = new Set<object>()
  readonly #allEnded = Promise.withResolvers<void>()
  #broadcast: Broadcast | undefined

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    this.close = resolve
    this.slotHeld.promise.catch(() => {})
  }

  /** Called for the first member, once no more of them can join. */
  lead({ open, isHeld, holdSlot }: Leader, patience: number | undefined): void {
    const reason = new NetworkError('nothing was taken for long, while other destinations waited')
    const onLeftBehind = (member: object): void => this.#controllerOf(member).abort(reason)
    this.#broadcast = new Broadcast(open, this.members, { patience, isHeld, onLeftBehind })
    const held = holdSlot(true, () => {
      this.slotHeld.resolve()
      return this.#allEnded.promise
    })
    held.catch(this.slotHeld.reject)
  }

  end(member: object): void {
    this.#broadcast?.leave(member)
    this.#ended.add(member)
    if (this.#ended.size === this.members.size) this.#allEnded.resolve()
  }

  shareOf(member: object): Share | undefined {
    const broadcast = this.#broadcast
    return (
      broadcast && {
        read: () => broadcast.read(member),
        leave: () => broadcast.leave(member),
        leftBehind: this.#controllerOf(member).signal,
      }
    )
  }

  #controllerOf(member: object): AbortController {
    const controller = this.#leftBehind.get(member) ?? new AbortController()
    this.#leftBehind.set(member, controller)
    return controller
  }
}

/** One for a run. A task alone with its artifact costs nothing. */
export class Siblings {
  readonly #groups = new Map<string, Group>()
  readonly #patience: number | undefined

  /** `patience`: milliseconds after which a member that takes no bytes is left behind. */
  constructor(patience?: number) {
    this.#patience = patience
  }

  /** A task begins to copy `artifact`; the result ends its membership. */
  enter(artifact: string, member: object): () => void {
    const group = this.#groups.get(artifact) ?? new Group()
    this.#groups.set(artifact, group)
    group.members.add(member)
    return () => {
      group.members.delete(member)
      group.closeComplete()
      if (group.members.size === 0 && this.#groups.get(artifact) === group) this.#groups.delete(artifact)
    }
  }

  /** The member does not need to stream this blob. */
  declineBlob(artifact: string, blob: Descriptor, member: object): void {
    this.#groups.get(artifact)?.markDecided(blob.digest, member)
  }

  /** Runs `work` with a share of the one stream, or with undefined where the member is alone. A member that is left behind fails, and does
   *  its work again alone. */
  async share(
    artifact: string,
    blob: Descriptor,
    member: object,
    leader: Leader,
    work: (share: Share | undefined) => Promise<void>,
  ): Promise<void> {
    const alone = (): Promise<void> => leader.holdSlot(false, () => work(undefined))
    const group = this.#groups.get(artifact)
    if (!group || group.members.size < 2) return alone()
    const meeting = group.join(blob.digest, member)
    await meeting.closed
    if (meeting.members.size < 2) return alone()
    const [first] = meeting.members
    if (first === member) meeting.lead(leader, this.#patience)
    let share: Share | undefined
    try {
      await meeting.slotHeld.promise
      share = meeting.shareOf(member)
      return await work(share)
    } catch (error) {
      if (!share?.leftBehind.aborted) throw error
    } finally {
      meeting.end(member)
    }
    return alone()
  }
}
