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
import type { Spools } from './spool.ts'

/** Runs at once, beside those that other triggers start: a client waits for them. */
const AT_ONCE = 16
/** Pulls under way, those that wait for their run included. */
const MOST = 256

export interface PullsOptions {
  readonly daemon: Pick<Daemon, 'program' | 'tell' | 'keep' | 'signal' | 'draining'>
  readonly spools: Spools
  /** Told of each blob that an artifact names. */
  readonly named: (pull: Pull, blob: Descriptor) => void
}

export type Bring = Extract<Admission, { kind: 'bring' }>

export class Pulls {
  readonly #options: PullsOptions
  readonly #slots = new Slots(AT_ONCE)
  readonly #active = new Set<Pull>()

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

  /** Starts the run that brings it; the same again gives the pull that is under way. */
  start(place: Place, pulled: Pulled, admission: Bring): Pull {
    const [task] = admission.tasks
    if (task?.digest === undefined) throw new TypeError('nothing to pull')
    const known = this.of(place, pulled, task.digest)
    if (known) return known
    if (this.#options.daemon.draining())
      throw new Refusal(503, 'UNAVAILABLE', 'the gateway is ending', { 'retry-after': '10' })
    if (this.#active.size >= MOST) {
      throw new Refusal(429, 'TOOMANYREQUESTS', `${MOST} artifacts are being pulled`, { 'retry-after': '10' })
    }
    const { daemon, spools, named } = this.#options
    const { clock } = daemon.program
    const pull: Pull = new Pull(place, pulled, task.digest, {
      clock,
      spools,
      named: (blob) => named(pull, blob),
      signal: daemon.signal,
    })
    if (admission.read) pull.give(admission.read)
    this.#active.add(pull)
    const running = this.#run(pull, admission).finally(() => this.#active.delete(pull))
    void daemon.keep(`a pull of policy ${admission.policy.name}`, running)
    return pull
  }

  get running(): { readonly count: number; readonly idle: Promise<unknown> } {
    return { count: this.#active.size, idle: this.ended() }
  }

  /** Resolves when none is under way. */
  async ended(): Promise<void> {
    await Promise.all([...this.#active].map(({ done }) => done))
  }

  async #run(pull: Pull, { policy, tasks }: Bring): Promise<void> {
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
    } as const
    const started = (execution: Execution): void => {
      id = execution.id
      tell({ type: 'execution_started', execution })
    }
    try {
      const outcome = await this.#slots.use(pull, signal, () =>
        program.run(policy, configuration, options, started, { signal, draining: signal, emit }),
      )
      tell({ type: 'execution_ended', policy: policy.name, trigger: 'pull', outcome })
      pull.end(outcome)
    } catch (error) {
      pull.end({ policy: policy.name, exitCode: 1, error })
    }
  }
}
