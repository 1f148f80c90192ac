/** Runs whose workers, coordinator and Redis are killed, suspended and cut off at random: each ends complete after at most one more run. */

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { program, type Running, until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { randomBytes } from '../../support/random.ts'
import { hasRedis, startRedis } from '../../support/redis.ts'
import { seed } from '../../support/seed.ts'
import { type Cable, cableTo } from './cable.ts'
import { type Commit, type Tap, tapOf } from './tap.ts'

/** `REPLICATE_CHAOS_ROUNDS=30` is the long one. */
const ROUNDS = Number(process.env.REPLICATE_CHAOS_ROUNDS ?? 2)
/** The long one suspends for longer than a lock lives. */
const LONG = ROUNDS > 2
const SUSPENDED = LONG ? 60_000 : 5_000
/** Milliseconds that the last restart of the long one may take: longer than a lock lives. */
const LONG_AWAY = 40_000
const FIRST_SEED = Number(process.env.REPLICATE_CHAOS_SEED ?? 1)
const WORKERS = 4
const IMAGES = 40
const KIB = 1024

describe.skipIf(!hasRedis())('chaos', () => {
  test.each(Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round))(
    'round %i ends complete',
    async (round) => {
      const chance = chances(round)
      const here = program()
      const redis = await startRedis({ persistent: true })
      const source = await startMemoryRegistry()
      const destination = await startMemoryRegistry()
      const tap = await tapOf(destination.url)
      const cables: Cable[] = []
      onTestFinished(async () => {
        await Promise.all([
          tap.close(),
          source.close(),
          destination.close(),
          redis.stop(),
          ...cables.map((cable) => cable.close()),
        ])
      })
      const digests = new Map<string, string>()
      const base = [randomBytes(700 * KIB, 'shared by all')]
      for (let at = 0; at < IMAGES; at += 1) {
        const built = image({ layers: 2, size: 300 * KIB + 1000 * (at % 7), seed: `image ${at % 30}`, base })
        const name = `team/app-${at % 8}`
        await seed(source, name, `v${at}`, built)
        digests.set(`${name}:v${at}`, built.digest)
      }

      const workers: Member[] = []
      const suspensions: Suspension[] = []
      function suspend({ name, running }: Member): void {
        const began = performance.now()
        running.process.kill('SIGSTOP')
        const one = { name, began, ended: Number.POSITIVE_INFINITY }
        suspensions.push(one)
        void sleep(SUSPENDED).then(() => {
          running.process.kill('SIGCONT')
          one.ended = performance.now()
        })
      }
      async function startWorker(): Promise<void> {
        const cable = await cableTo(redis.port)
        cables.push(cable)
        const file = here.write(
          `worker-${cables.length}.yaml`,
          configuration(cable.port, source.url, tap.url, `w${cables.length}`),
        )
        supervise(`w${cables.length}`, ['worker', '--config', file, '--concurrency', '4'])
      }
      let isOver = false
      onTestFinished(() => {
        isOver = true
      })
      /** One that finds no Redis when it starts ends, and what supervises it starts it again. */
      function supervise(name: string, args: readonly string[]): void {
        const worker = { name, running: here.start([...args, '--name', name]) }
        workers.push(worker)
        void worker.running.ended.then(async ({ code }) => {
          if (code !== 3) return
          workers.splice(workers.indexOf(worker), 1)
          await sleep(500)
          if (!isOver) supervise(name, args)
        })
      }
      for (let at = 0; at < WORKERS; at += 1) await startWorker()
      await until('all workers are ready', () =>
        workers.every(({ running }) => running.said().includes('takes tasks from')),
      )
      const cable = await cableTo(redis.port)
      cables.push(cable)
      here.write('policy.yaml', configuration(cable.port, source.url, tap.url, 'coordinator') + POLICY)

      let restarts = 3
      let coordinatorHarmed = false
      const done: string[] = []
      async function harm(running: Running): Promise<void> {
        const victim = workers[Math.floor(chance() * workers.length)]
        switch (Math.floor(chance() * 6)) {
          case 0:
            done.push('kill a worker')
            if (victim) workers.splice(workers.indexOf(victim), 1)
            victim?.running.process.kill('SIGKILL')
            return startWorker()
          case 1:
            done.push('suspend a worker')
            if (victim) suspend(victim)
            return
          case 2: {
            const cut = cables[Math.floor(chance() * cables.length)]
            done.push('cut a cable')
            cut?.cut()
            void sleep(SUSPENDED / 2).then(() => cut?.mend())
            return
          }
          case 3:
            if (restarts === 0) return
            restarts -= 1
            done.push('restart Redis')
            await redis.kill()
            await sleep(chance() * (LONG && restarts === 0 ? LONG_AWAY : 2000))
            return redis.start()
          case 4:
            if (coordinatorHarmed) return
            coordinatorHarmed = true
            done.push('suspend the coordinator')
            return suspend({ name: 'coordinator', running })
          default:
            // Else few rounds would show that a run survives all the rest without a second one.
            if (round % 2 === 0 || chance() > 0.3) return
            done.push('kill the coordinator')
            running.process.kill('SIGKILL')
        }
      }

      let first = here.start(['run', 'policy.yaml', '--workers', '--concurrency', '12'])
      const over = new AbortController()
      const ended = first.ended.finally(() => over.abort())
      while (!over.signal.aborted) {
        await sleep(300 + chance() * 1500, undefined, { signal: over.signal }).catch(() => {})
        if (!over.signal.aborted) await harm(first)
      }
      const result = await ended
      let said = result.stderr
      // Whatever is still cut or down is whole again before the second run.
      for (const each of cables) each.mend()
      await redis.start()
      if (result.code !== 0) {
        first = here.start(['run', 'policy.yaml', '--workers', '--concurrency', '12'])
        const again = await first.ended
        said += again.stderr
        expect(again.code, `${done.join(', ')}\n${said}`).toBe(0)
      }
      // A process that stands still in the middle of a request sees only afterwards that it has lost its lease: the bytes are the same.
      const atOnce = tap.together.filter(
        ({ one, other }) => !suspensions.some((each) => meanwhile(each, one) || meanwhile(each, other)),
      )
      expect(atOnce, done.join(', ')).toEqual([])
      for (const [name, digest] of digests) {
        const [repository = '', tag = ''] = name.split(':')
        expect(destination.repository(`mirror/${repository}`).tags.get(tag), `${name} after ${done.join(', ')}`).toBe(
          digest,
        )
      }
      const executions = await here.executions()
      for (const { total, succeed, failed, stopped, skipped, in_progress } of executions) {
        expect(succeed + failed + stopped + skipped + in_progress).toBeLessThanOrEqual(total)
      }
      const verified = await here.run(['verify', 'policy.yaml'])
      expect(verified.code, verified.stderr).toBe(0)
      process.stderr.write(
        `round ${round}: ${done.join(', ') || 'nothing harmed it'}; ${twice(tap)} blobs committed more than once\n`,
      )
    },
    15 * 60_000,
  )
})

interface Member {
  readonly name: string
  readonly running: Running
}

interface Suspension {
  readonly name: string
  readonly began: number
  readonly ended: number
}

/** Whether its worker stood still during the commit. */
function meanwhile({ name, began, ended }: Suspension, commit: Commit): boolean {
  return commit.by === name && began <= commit.ended && ended >= commit.began
}

function twice({ commits }: Tap): number {
  return [...commits.values()].filter(({ length }) => length > 1).length
}

/** `name` is told to the registries, to know who did what. */
function configuration(port: number, source: string, destination: string, name: string): string {
  return `workers: { queue: 'redis://127.0.0.1:${port}' }
registries:
  from: { type: docker-registry, url: '${source}', limits: { bandwidth: ${LONG ? 1 : 4}MiB/s } }
  to: { type: docker-registry, url: '${destination}', user_agent: ${name} }
`
}

const POLICY = `policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: mirror, flatten: 0 }
    filters: { name: 'team/**' }
`

/** From 0 to below 1, the same for the same round. */
function chances(round: number): () => number {
  const bytes = randomBytes(64 * KIB, `chaos ${round}`)
  let at = 0
  return () => {
    const value = bytes.readUInt32LE(at % (bytes.length - 4)) / 2 ** 32
    at += 4
    return value
  }
}
