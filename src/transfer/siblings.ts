/** Tasks that copy one artifact to several destinations at the same time: each of its blobs is read from the source once. */

import type { Bytes } from '../core/content.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { Broadcast } from './broadcast.ts'

/** How long the first task that needs a blob waits for its siblings to say whether they do, in milliseconds. They say it within a
 *  request or two, unless they wait for something else: then they read it themselves later. */
const PATIENCE = 1000

/** What the first member brings: the one stream, and the room to write it. */
export interface Leader {
  readonly open: () => Promise<Bytes>
  readonly hold: (all: () => Promise<void>) => Promise<void>
}

/** One member's part in a stream that several write. */
export interface Share {
  /** The whole stream; to be taken once. Undefined where it has begun without this member. */
  read(): Bytes | undefined
  /** Called instead by a member that does not want it after all: the others wait for it. */
  leave(): void
}

class Group {
  readonly members = new Set<object>()
  readonly #decided = new Map<string, Set<object>>()
  readonly #gathering = new Map<string, Gathering>()

  decide(digest: string, member: object): void {
    const decided = this.#decided.get(digest) ?? new Set()
    this.#decided.set(digest, decided.add(member))
    this.check()
  }

  /** The blob's gathering, and whether `member` is its first. */
  join(digest: string, member: object): Gathering {
    const known = this.#gathering.get(digest)
    const gathering = known ?? new Gathering()
    gathering.members.add(member)
    if (!known) {
      this.#gathering.set(digest, gathering)
      const timer = setTimeout(() => this.#close(digest, gathering), PATIENCE)
      gathering.closed.then(() => clearTimeout(timer))
    }
    this.decide(digest, member)
    return gathering
  }

  /** Closes what has nobody left to wait for. */
  check(): void {
    for (const [digest, gathering] of this.#gathering) {
      const decided = this.#decided.get(digest)
      if ([...this.members].every((member) => decided?.has(member))) this.#close(digest, gathering)
    }
  }

  #close(digest: string, gathering: Gathering): void {
    if (this.#gathering.get(digest) === gathering) this.#gathering.delete(digest)
    gathering.close()
  }
}

class Gathering {
  readonly members = new Set<object>()
  readonly closed: Promise<void>
  close: () => void
  /** Set by the leader, once nobody joins any more. */
  broadcast: Broadcast | undefined
  readonly held = Promise.withResolvers<void>()
  readonly #ended = new Set<object>()
  readonly #allEnded = Promise.withResolvers<void>()

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    this.close = resolve
    this.held.promise.catch(() => {})
  }

  end(member: object): void {
    this.broadcast?.leave(member)
    this.#ended.add(member)
    if (this.#ended.size === this.members.size) this.#allEnded.resolve()
  }

  shareOf(member: object): Share | undefined {
    const { broadcast } = this
    return broadcast && { read: () => broadcast.read(member), leave: () => broadcast.leave(member) }
  }

  get allEnded(): Promise<void> {
    return this.#allEnded.promise
  }
}

/** One for a run. A task alone with its artifact costs nothing. */
export class Siblings {
  readonly #groups = new Map<string, Group>()

  /** A task begins to copy `artifact`; the result ends its membership. */
  enter(artifact: string, member: object): () => void {
    const group = this.#groups.get(artifact) ?? new Group()
    this.#groups.set(artifact, group)
    group.members.add(member)
    return () => {
      group.members.delete(member)
      group.check()
      if (group.members.size === 0 && this.#groups.get(artifact) === group) this.#groups.delete(artifact)
    }
  }

  /** The member does not need to stream this blob. */
  pass(artifact: string, blob: Descriptor, member: object): void {
    this.#groups.get(artifact)?.decide(blob.digest, member)
  }

  /** Runs `work` with a share of the one stream, or with undefined where there is nobody to share with. The first who comes leads: its
   *  `open` and `hold` are used for all. */
  async share(
    artifact: string,
    blob: Descriptor,
    member: object,
    leader: Leader,
    work: (share: Share | undefined) => Promise<void>,
  ): Promise<void> {
    const group = this.#groups.get(artifact)
    if (!group || group.members.size < 2) return leader.hold(() => work(undefined))
    const gathering = group.join(blob.digest, member)
    await gathering.closed
    const [first] = gathering.members
    if (gathering.members.size < 2) return leader.hold(() => work(undefined))
    if (first === member) {
      gathering.broadcast = new Broadcast(leader.open, gathering.members)
      leader
        .hold(() => {
          gathering.held.resolve()
          return gathering.allEnded
        })
        .catch(gathering.held.reject)
    }
    try {
      await gathering.held.promise
      await work(gathering.shareOf(member))
    } finally {
      gathering.end(member)
    }
  }
}
