/** Checks each registry from time to time, keeps in the history how it is, and tells when that changes. */

import type { Adapter } from '../../core/adapter.ts'
import { abortReason, after } from '../../core/cancel.ts'
import { describeError, HistoryError, NetworkError, ReplicateError } from '../../core/errors.ts'
import { placeOf, type Registry } from '../../core/registry.ts'
import { Slots } from '../../transfer/slots.ts'
import type { Daemon, Part } from '../parts.ts'
import { registriesIn } from '../registries.ts'
import { type Change, notifyChange } from './notify.ts'

/** How many registries are checked at once. */
const AT_ONCE = 4

/** Milliseconds for one check. */
const LIMIT = 30_000

/** Milliseconds until a check that contradicts what is known is made again. */
const CONFIRM_AFTER = 10_000

/** How long a registry that is down is left alone at most, in milliseconds; longer only where the interval is. */
const LONGEST_BACK_OFF = 5 * 60_000

/** Milliseconds between the first checks of two registries. */
const STAGGER = 1000

/** What is known of one registry. It belongs to its own loop, which nothing but `stop` ends. */
interface Watched {
  registry: Registry
  readonly interval: number
  readonly stop: AbortController
  /** Undefined before the first check that this or an earlier process has made. */
  healthy: boolean | undefined
  /** Checks in a row that contradict it. */
  contradictions: number
  /** Checks in a row that found it down, since it is known to be. */
  down: number
}

export function startHealth(daemon: Daemon): Part {
  const watched = new Map<string, Watched>()
  const loops = new Set<Promise<void>>()
  const slots = new Slots(AT_ONCE)

  function look(): void {
    const { configuration, settings } = daemon.current()
    const registries = registriesIn(configuration)
    for (const [name, one] of watched) {
      const now = registries.get(name)
      const isSame = now && placeOf(now) === placeOf(one.registry) && one.interval === settings.health_interval
      if (isSame) one.registry = now
      else one.stop.abort()
      if (!isSame) watched.delete(name)
    }
    const fresh = [...registries.values()].filter(({ name }) => !watched.has(name))
    const step = Math.min(STAGGER, settings.health_interval / Math.max(1, fresh.length))
    for (const [index, registry] of fresh.entries()) begin(registry, settings.health_interval, index * step)
  }

  function begin(registry: Registry, interval: number, delay: number): void {
    const known = attempt(daemon, () => daemon.program.history.registries.status(registry.name, placeOf(registry)))
    const one: Watched = {
      registry,
      interval,
      stop: new AbortController(),
      healthy: known && known.status === 'healthy',
      contradictions: 0,
      down: 0,
    }
    watched.set(registry.name, one)
    const checking = daemon.keep(`checking registry ${registry.name}`, watch(one, delay))
    const loop = checking.finally(() => loops.delete(loop))
    loops.add(loop)
  }

  async function watch(one: Watched, first: number): Promise<void> {
    const { signal } = one.stop
    let delay = first
    const left = owed(daemon, one.registry)
    if (left) await notify(left, signal)
    while (!signal.aborted) {
      await daemon.program.clock.sleep(delay, signal).catch(() => {})
      if (signal.aborted) return
      const check = (): Promise<string | undefined> => reasonOf(daemon, one.registry, signal)
      const reason = await slots.use(one, signal, check).catch((error: unknown) => {
        if (!signal.aborted) throw error
        return undefined
      })
      // A check that was stopped says nothing of the registry.
      if (signal.aborted) return
      const change = judge(daemon, one, reason)
      if (change) {
        daemon.tell({ type: 'registry_changed', ...told(change) })
        await notify(change, signal)
      }
      delay = nextDelay(one)
    }
  }

  /** What was not sent as the daemon ends is owed by the next process. */
  async function notify(change: Change, signal: AbortSignal): Promise<void> {
    await notifyChange(daemon, change, signal)
    const { name } = change.registry
    if (!signal.aborted) attempt(daemon, () => daemon.program.history.registries.settle(name, placeOf(change.registry)))
  }

  const endAll = (): void => {
    for (const { stop } of watched.values()) stop.abort()
  }
  if (daemon.signal.aborted) endAll()
  daemon.signal.addEventListener('abort', endAll, { once: true })
  look()
  return {
    reloaded: look,
    async ended() {
      await Promise.all(loops)
    },
  }
}

/** Why the registry is unhealthy; undefined where it answers. */
async function reasonOf(daemon: Daemon, registry: Registry, stop: AbortSignal): Promise<string | undefined> {
  const late = new AbortController()
  const seconds = LIMIT / 1000
  const end = after(LIMIT, () => late.abort(new NetworkError(`it did not answer within ${seconds} s`)), true)
  const signal = AbortSignal.any([stop, late.signal])
  let adapter: Adapter | undefined
  try {
    adapter = (await daemon.program.openAnew(registry)).adapter
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true })
    })
    await Promise.race([adapter.ping({ signal, emit: () => {} }), stopped])
    return undefined
  } catch (error) {
    if (!(error instanceof ReplicateError)) daemon.tell({ type: 'log', level: 'error', text: bugIn(registry, error) })
    const hint = error instanceof ReplicateError && error.hint !== undefined ? `; ${error.hint}` : ''
    return `${describeError(error)}${hint}`
  } finally {
    end()
    await adapter?.close?.()
  }
}

function bugIn({ name }: Registry, error: unknown): string {
  return `the check of registry ${name}: ${(error instanceof Error && error.stack) || String(error)}`
}

/** Keeps what a check has found. A status changes with the second check in a row that contradicts it: a registry that fails now and then
 *  is not down, and one that answers now and then is not up. */
function judge(daemon: Daemon, one: Watched, reason: string | undefined): Change | undefined {
  const { registry, healthy: before } = one
  const healthy = reason === undefined
  one.contradictions = healthy === (before ?? true) ? 0 : one.contradictions + 1
  if (one.contradictions === 1) return undefined
  one.contradictions = 0
  one.down = healthy ? 0 : one.down + 1
  one.healthy = healthy
  const { history, clock } = daemon.program
  const isChange = healthy !== (before ?? true)
  attempt(daemon, () => history.registries.keepStatus(registry.name, placeOf(registry), reason, isChange))
  if (!isChange) return undefined
  return owed(daemon, registry) ?? { registry, reason, time: clock.now() }
}

/** A change that has yet to be notified, with its own time: whoever hears of it twice knows it again. */
function owed(daemon: Daemon, registry: Registry): Change | undefined {
  const change = attempt(daemon, () => daemon.program.history.registries.owed(registry.name, placeOf(registry)))
  return change && { registry, reason: change.reason, time: Date.parse(change.time) }
}

function told({ registry, reason }: Change) {
  const { name } = registry
  return reason === undefined ? { registry: name, healthy: true } : { registry: name, healthy: false, reason }
}

/** The one of a registry that is down doubles. */
function nextDelay({ interval, contradictions, down }: Watched): number {
  if (contradictions > 0) return Math.min(interval, CONFIRM_AFTER)
  return Math.min(interval * 2 ** down, Math.max(interval, LONGEST_BACK_OFF))
}

/** A check is worth something also where its result cannot be kept. */
function attempt<T>(daemon: Daemon, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    daemon.tell({ type: 'log', level: 'warning', text: error.message })
    return undefined
  }
}
