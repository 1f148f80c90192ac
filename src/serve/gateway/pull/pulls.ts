/** Starts a run for each artifact that clients pull, a bounded number at once, and knows those that are under way. */

import type { Descriptor, Digest } from '../../../core/descriptor.ts'
import type { Event } from '../../../core/events.ts'
import type { Execution } from '../../../core/execution.ts'
import { Slots } from '../../../transfer/slots.ts'
import type { Daemon } from '../../parts.ts'
import type { Admission } from '../policy/admission.ts'
import type { Pulled } from '../policy/narrowed.ts'
import type { Place } from '../policy/targets.ts'
import { Refusal } from '../refusal.ts'
import { Pull } from './pull.ts'
import { Room } from './room.ts'
import type { Spools } from './spool.ts'

/** Runs at once for each user, or for each policy where no one signs in, beside those that other triggers start: a client waits for them. */
const AT_ONCE = 16
/** Pulls under way, those that wait for their run included. */
const MOST = 256
/** Manifests of artifacts that are under way, with what is known of all that they name, in bytes and in sum. */
const ROOM = 256 * 1024 * 1024

export interface PullsOptions {
  readonly daemon: Pick<Daemon, 'program' | 'tell' | 'keep' | 'signal' | 'draining'>
  readonly spools: Spools
  /** Told of each blob that an artifact names. */
  readonly named: (pull: Pull, blob: Descriptor) => void
}

export type Bring = Extract<Admission, { kind: 'bring' }>

export class Pulls {
  readonly #options: PullsOptions
  /** By owner, as long as something is pulled for that. */
  readonly #slots = new Map<string, Slots>()
  readonly #active = new Set<Pull>()
  readonly #room = new Room(ROOM)

  constructor(options: PullsOptions) {
    this.#options = options
  }

  /** Those that bring something to this repository. */
  in({ destination, mapped }: Place): readonly Pull[] {
    return [...this.#active].filter(
      ({ place }) => place.registry === destination.registry.name && place.repository === mapped,
    )
  }

  of(place: Place, pulled: Pulled, root: Digest): Pull | undefined {
    return this.in(place).find(
      (pull) =>
        pull.root === root &&
        pull.where.target.policy.name === place.target.policy.name &&
        pull.pulled.repository === pulled.repository &&
        pull.pulled.tag === pulled.tag,
    )
  }

  /** Starts the run that brings it; the same again gives the pull that is under way. `user`: for whom, where that is known. */
  start(place: Place, pulled: Pulled, admission: Bring, user: string | undefined): Pull {
    const [task] = admission.tasks
    if (task?.digest === undefined) throw new TypeError('nothing to pull')
    const known = this.of(place, pulled, task.digest)
    if (known) return known
    if (this.#options.daemon.draining())
      throw new Refusal(503, 'UNAVAILABLE', 'the gateway is ending', { 'retry-after': '10' })
    const owner = user === undefined ? `policy ${admission.policy.name}` : `user ${user}`
    this.#admit(owner)
    const { daemon, spools, named } = this.#options
    const { clock } = daemon.program
    const pull: Pull = new Pull(place, pulled, task.digest, owner, {
      clock,
      spools,
      room: this.#room,
      turns: daemon.program.turns,
      others: (one) =>
        [...this.#active].filter((other) => other !== one && other.place.registry === one.place.registry),
      named: (blob) => named(pull, blob),
      signal: daemon.signal,
    })
    if (admission.read) pull.give(admission.read)
    this.#active.add(pull)
    const running = this.#run(pull, admission).finally(() => this.#leave(pull))
    void daemon.keep(`a pull of policy ${admission.policy.name}`, running)
    return pull
  }

  /** Whoever pulls leaves room for one more. Throws a `Refusal`. */
  #admit(owner: string): void {
    const pulls = [...this.#active]
    const owners = new Set([owner, ...pulls.map((pull) => pull.owner)])
    const own = pulls.filter((pull) => pull.owner === owner).length
    const share = Math.max(1, Math.floor(MOST / (owners.size + 1)))
    const isFull = pulls.length >= MOST || this.#room.isScarce
    if (!isFull && own < share) return
    const detail = isFull
      ? `${pulls.length} artifacts are being pulled`
      : `${own} artifacts are being pulled for ${owner}`
    throw new Refusal(429, 'TOOMANYREQUESTS', detail, { 'retry-after': '10' })
  }

  get running(): { readonly count: number; readonly idle: Promise<unknown> } {
    return { count: this.#active.size, idle: this.ended() }
  }

  /** Resolves when none is under way. */
  async ended(): Promise<void> {
    await Promise.all([...this.#active].map(({ done }) => done))
  }

  #leave(pull: Pull): void {
    this.#active.delete(pull)
    if (![...this.#active].some(({ owner }) => owner === pull.owner)) this.#slots.delete(pull.owner)
  }

  async #run(pull: Pull, { policy, tasks, thorough, askedAt }: Bring): Promise<void> {
    const { daemon } = this.#options
    const { signal, tell, program } = daemon
    const { configuration } = pull.where.target
    let id: number | undefined
    const emit = (event: Event): void => {
      if (id !== undefined) tell({ type: 'execution_event', execution: id, policy: policy.name, event })
    }
    const options = {
      trigger: 'pull',
      wait: true,
      plan: { policies: [{ policy: policy.name, tasks }] },
      audience: pull,
      isCurrent: () => askedAt !== undefined && program.clock.monotonic() - askedAt < pull.where.target.maxAge,
      ...(thorough ? { thorough } : {}),
    } as const
    const started = (execution: Execution): void => {
      id = execution.id
      tell({ type: 'execution_started', execution })
    }
    const slots = this.#slots.get(pull.owner) ?? new Slots(AT_ONCE)
    this.#slots.set(pull.owner, slots)
    try {
      const outcome = await slots.use(pull, signal, () =>
        program.run(policy, configuration, options, started, { signal, draining: signal, emit }),
      )
      tell({ type: 'execution_ended', policy: policy.name, trigger: 'pull', outcome })
      pull.end(outcome)
    } catch (error) {
      pull.end({ policy: policy.name, exitCode: 1, error })
    }
  }
}
