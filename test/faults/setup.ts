/** Two registries in memory, a proxy that breaks what passes before each, and the whole program between them. */

import { afterEach, expect } from 'vitest'
import type { Clock } from '../../src/core/cancel.ts'
import { systemClock } from '../../src/core/cancel.ts'
import { EVERYTHING_CARRIED, policyBetween, type Ran, workplace } from '../e2e/harness.ts'
import { type Artifact, image } from '../support/images.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { type FaultProxy, type Passing, startFaultProxy, type WireFault } from './fault-proxy.ts'
import { damageIn, missingFrom } from './intact.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0).reverse()) await ending()
})

export type FaultRule = (request: Passing, sides: Sides) => WireFault | undefined

export interface Sides {
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
}

export interface Scenario {
  /** Default: an image of two layers of 2 MiB. */
  readonly artifact?: Artifact
  readonly source?: FaultRule
  readonly destination?: FaultRule
  readonly sourceOptions?: MemoryRegistryOptions
  readonly destinationOptions?: MemoryRegistryOptions
  readonly environment?: Readonly<Record<string, string>>
  /** How often a task is tried; default 1. */
  readonly attempts?: number
  /** YAML of both registries, such as a credential. */
  readonly registry?: string
  /** From 0 to below 1; default ½. */
  readonly random?: () => number
  /** Every blob goes through another thread. */
  readonly carried?: boolean
}

export interface Outcome extends Sides {
  readonly artifact: Artifact
  readonly ran: Ran
  /** Requests that met a fault. */
  readonly met: number
  /** Once more, without faults. */
  again(): Promise<Ran>
}

export const MIB = 2 ** 20
export const LAYER = 2 * MIB
/** Milliseconds of silence that a test waits for. */
const IDLE = 1500
const SPEED = 50

/** Runs a copy of `app:v1` and checks what must hold however it ended: equal, or failed with nothing half-written. */
export async function run(scenario: Scenario): Promise<Outcome> {
  const { artifact = image({ layers: 2, size: LAYER, seed: 'faults' }), random = () => 0.5 } = scenario
  const source = await memory(scenario.sourceOptions)
  const destination = await memory(scenario.destinationOptions)
  const sides = { source, destination }
  source.add('app', artifact, 'v1')
  const before = await proxy(source, scenario.source, sides)
  const behind = await proxy(destination, scenario.destination, sides)
  const yaml = policyBetween(before.url, behind.url)
    .replaceAll('type: docker-registry,', `type: docker-registry, ${scenario.registry ?? ''}`)
    .replace('attempts: 1', `attempts: ${scenario.attempts ?? 1}`)
  const carriers = scenario.carried ? EVERYTHING_CARRIED : undefined
  const place = workplace(scenario.environment, { clock: fast(), random, idle: IDLE }, carriers)
  const ran = await place.run(yaml)
  expectEnd(ran, artifact, destination)
  return {
    ...sides,
    artifact,
    ran,
    met: before.met + behind.met,
    async again() {
      before.heal()
      behind.heal()
      const second = await place.run(yaml)
      expectEnd(second, artifact, destination)
      return second
    },
  }
}

/** The copy is whole where the run says so, and there is no tag where it does not; nothing refers to what is missing. */
function expectEnd(ran: Ran, artifact: Artifact, destination: MemoryRegistry): void {
  expect(damageIn(destination)).toEqual([])
  const tag = destination.repository('mirror/app').tags.get('v1')
  if (ran.outcome.exitCode === 0) {
    expect(tag).toBe(artifact.digest)
    expect(missingFrom(destination, 'mirror/app', artifact)).toEqual([])
  } else {
    expect(ran.tasks.filter((task) => task.status === 'succeeded')).toEqual([])
    expect(JSON.stringify(ran.tasks)).not.toContain('"code":"bug"')
  }
}

/** What the log says of wrong bytes. */
export function complaintsIn({ logs }: Ran): readonly string[] {
  return logs.filter((line) => /digest|damaged|length/i.test(line) && !line.endsWith('digest verified'))
}

async function memory(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const started = await startMemoryRegistry(options)
  endings.push(() => started.close())
  return started
}

async function proxy(registry: MemoryRegistry, rule: FaultRule | undefined, sides: Sides): Promise<FaultProxy> {
  const started = await startFaultProxy(registry.url, (request) => rule?.(request, sides))
  endings.push(() => started.close())
  return started
}

/** A clock whose waits are short: what is slept passes at once for whoever asks the time, so a minute of back-off is a second of test. What
 *  is not slept takes as long as it does, so that a slow machine uses up no budget fifty times as fast. */
export function fast(): Clock {
  const began = Date.now()
  const start = performance.now()
  let skipped = 0
  const elapsed = (): number => performance.now() - start + skipped
  return {
    now: () => Math.round(began + elapsed()),
    monotonic: elapsed,
    async sleep(milliseconds, signal) {
      const until = elapsed() + milliseconds
      await systemClock.sleep(milliseconds / SPEED, signal)
      skipped += Math.max(0, until - elapsed())
    },
  }
}

/** True for a request that carries a layer: a GET of a blob, or the body of an upload. */
export function isLayer({ method, route, path, headers }: Passing, artifact: Artifact): boolean {
  if (method === 'GET' && route === 'blob') {
    return [...artifact.blobs].some(([digest, bytes]) => bytes.byteLength >= MIB && path.includes(digest))
  }
  return route === 'upload' && (method === 'PUT' || method === 'PATCH') && Number(headers['content-length'] ?? 0) >= MIB
}
