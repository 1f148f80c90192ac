/** Workers on other machines, all of them on this one: how far they scale, what a queue costs, and what a dead worker costs. */

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { image } from '../../../support/images.ts'
import { randomBytes } from '../../../support/random.ts'
import { seed } from '../../../support/seed.ts'
import { type RealServer, startServer } from '../../../support/servers.ts'
import { startChild } from '../../child.ts'
import type { Bench, Corpus, Table } from '../../corpus.ts'
import { pushLarge } from '../../large.ts'
import { mebibytes, megabytes, processorTimeOf, seconds } from '../../measure.ts'
import type { ProxyFigures } from '../../proxy-process.ts'
import type { RawCounts } from '../../raw-http.ts'
import { ENTRY } from '../../tools.ts'
import { startFleet } from './fleet.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Both sides of a policy: real registries, or ones that cost next to nothing, as those that run elsewhere do. */
interface Sides {
  readonly source: Side
  readonly title: string
  /** An empty one. */
  destination(): Promise<Side>
}

type Side = Pick<RealServer, 'host' | 'pid' | 'stop'>

const sink = (): Promise<Side> => startChild('synthetic-process.ts', { role: 'sink' })

export const workers: Corpus = {
  name: 'workers',
  title: 'Workers held to 20 MiB/s each: 200 images of 10 MiB that share layers',
  async run(bench) {
    const images = bench.quick ? 40 : 200
    const tags = images / WARM + 1
    const content = { repositories: WARM, tags, layers: 2, size: 3 * MIB, shared: 4 * MIB, distinct: 'tag' }
    const made = await startChild<RawCounts>('synthetic-process.ts', { role: 'source', ...content })
    const tables = [
      await scale({ source: made, title: 'registries that cost nothing', destination: sink }, bench, async () => ({
        host: made.host,
        bytes: async () => (await made.figures()).bytesOut,
        stop: async () => {},
      })),
    ]
    await made.stop()
    const source = await startServer('registry')
    try {
      for (let at = 0; at < images + WARM; at += 1) {
        // Ten images share a layer of 4 MiB.
        const base = [randomBytes(4 * MIB, `base ${Math.floor(at / 10)}`)]
        const built = image({ layers: 2, size: 3 * MIB, seed: `scaled ${at}`, base })
        await seed(source.url, `bench/scaled-${at % WARM}`, `v${Math.floor(at / WARM)}`, built)
      }
      const real = { source, title: 'distribution 3, twice', destination: () => startServer('registry') }
      tables.push(await scale(real, bench, () => proxyOf(source)))
    } finally {
      await source.stop()
    }
    return tables
  },
}

/** So many images, one of each repository, are copied before: workers live long, and what compiles their code is not measured. */
const WARM = 20

/** What takes processor time. */
const PARTS = ['the run', 'its workers', 'Redis', 'the source', 'the destination'] as const

/** The source, so that what it gives is counted. */
interface Counted {
  readonly host: string
  /** Since the last time that this was asked, or before. */
  bytes(): Promise<number>
  stop(): Promise<void>
}

async function proxyOf({ url }: RealServer): Promise<Counted> {
  const { host, figures, stop } = await startChild<ProxyFigures>('proxy-process.ts', { target: url })
  return { host, stop, bytes: async () => (await figures()).bytesDown }
}

async function scale(sides: Sides, bench: Bench, count: () => Promise<Counted>): Promise<Table> {
  const rows: string[][] = []
  let one: number | undefined
  for (const workers of [1, 2, 4, 8]) {
    const { wall, moved, failed, parts } = await scaled(sides, workers, bench)
    // A proxy that counts takes time of the two cores: what is counted is not timed.
    const down = await counted(sides, workers, bench, count)
    const rate = moved / wall
    one ??= rate
    const factor = (rate / one).toFixed(2)
    const speed = `${rate.toFixed(1)} MiB/s`
    bench.say(`${sides.title}, ${workers} workers: ${seconds(wall)}, ${speed}, ${factor} ×`)
    const costs = parts.map((part) => `${((1000 * part) / moved).toFixed(1)} ms`)
    rows.push([String(workers), failed ?? seconds(wall), speed, `${factor} ×`, megabytes(down), ...costs])
  }
  const columns = ['workers', 'wall', 'rate', 'of one worker', 'MB from the source', ...PARTS]
  const notes = [
    'wall and rate are of the execution, from its plan to its last task',
    `${WARM} images more were copied before, which the bytes from the source count, too`,
    'processor time is for a MiB that was moved',
  ]
  return { title: `${workers.title}; ${sides.title}`, columns, rows, notes }
}

interface Scaled {
  /** Seconds, as the history has them. */
  readonly wall: number
  /** MiB. */
  readonly moved: number
  /** Seconds of processor time. */
  readonly parts: readonly number[]
  readonly failed?: string
}

async function scaled(sides: Sides, count: number, bench: Bench, host = sides.source.host): Promise<Scaled> {
  const destination = await sides.destination()
  const options = ['--bandwidth', '20MiB/s']
  const fleet = await startFleet(bench, { source: host, destination: destination.host, workers: count, options })
  try {
    const spent = (): readonly number[] => {
      const { workers, redis } = fleet.spent()
      return [workers, redis, processorTimesOf(sides.source), processorTimesOf(destination)]
    }
    await fleet.run(['--filter', 'tag=v0'])
    const before = spent()
    const ran = await fleet.run()
    const parts = [ran.cpu ?? 0, ...spent().map((now, at) => now - (before[at] ?? 0))]
    if (ran.exitCode !== 0) bench.say(ran.said)
    const { wall, moved } = lastOf(await fleet.ask('executions', 'list'))
    return { wall, moved, parts, ...(ran.exitCode === 0 ? {} : { failed: 'fails' }) }
  } finally {
    await fleet.stop()
    await destination.stop()
  }
}

const EXECUTIONS = z.array(z.object({ bytes_copied: z.number(), start_time: z.string(), end_time: z.string() }))

function lastOf(executions: unknown): Pick<Scaled, 'wall' | 'moved'> {
  const [last] = EXECUTIONS.parse(executions)
  if (!last) throw new Error('nothing ran')
  return { moved: last.bytes_copied / MIB, wall: (Date.parse(last.end_time) - Date.parse(last.start_time)) / 1000 }
}

/** Bytes from the source. */
async function counted(sides: Sides, workers: number, bench: Bench, count: () => Promise<Counted>): Promise<number> {
  const from = await count()
  try {
    const before = await from.bytes()
    await scaled(sides, workers, bench, from.host)
    return (await from.bytes()) - before
  } finally {
    await from.stop()
  }
}

export const workersSmall: Corpus = {
  name: 'workers-small',
  title: '10,000 small tags, with 4 workers and without',
  async run(bench) {
    const tags = bench.quick ? 1000 : 10_000
    const each = tags / 10 + WARM_TAGS
    const content = { repositories: 10, tags: each, layers: 2, size: KIB, distinct: 'repository' }
    const made = await startChild('synthetic-process.ts', { role: 'source', ...content })
    const tables = [await small({ source: made, title: 'registries that cost nothing', destination: sink }, bench)]
    await made.stop()
    const source = await startServer('registry')
    try {
      const built = Array.from({ length: 10 }, (_, at) => image({ layers: 2, size: KIB, seed: `small ${at}` }))
      await Promise.all(
        built.map(async (artifact, repository) => {
          for (let at = 0; at < each; at += 1) await seed(source.url, `bench/small-${repository}`, `v${at}`, artifact)
        }),
      )
      const real = { source, title: 'distribution 3, twice', destination: () => startServer('registry') }
      tables.push(await small(real, bench))
    } finally {
      await source.stop()
    }
    return tables
  },
}

/** So many tags of each repository are copied before, those with the largest numbers. */
const WARM_TAGS = 100

/** In turns, so that what else the machine does hits both. */
async function small(sides: Sides, bench: Bench): Promise<Table> {
  const rows: string[][] = []
  for (let round = 0; round < bench.rounds; round += 1) {
    for (const count of [0, 4]) {
      const destination = await sides.destination()
      const fleet = await startFleet(bench, {
        source: sides.source.host,
        destination: destination.host,
        workers: count,
      })
      try {
        // v1000 to v1099, and with --quick v100 to v199.
        await fleet.run(['--filter', bench.quick ? 'tag=v1??' : 'tag=v10??'])
        const [before, registries] = [fleet.spent(), processorTimesOf(sides.source, destination)]
        const ran = await fleet.run()
        const [after, served] = [fleet.spent(), processorTimesOf(sides.source, destination) - registries]
        if (ran.exitCode !== 0) bench.say(ran.said)
        const wall = ran.exitCode === 0 ? seconds(ran.wall) : 'fails'
        const others = [after.workers - before.workers, after.redis - before.redis, served].map(seconds)
        rows.push([count === 0 ? 'none' : String(count), wall, seconds(ran.cpu), ...others, mebibytes(ran.memory)])
        bench.say(rows.at(-1)?.join(', ') ?? '')
      } finally {
        await fleet.stop()
        await destination.stop()
      }
    }
  }
  const columns = ['workers', 'wall', 'CPU of the run', 'of the workers', 'of Redis', 'of both registries', 'memory']
  const notes = ['1,000 tags more were copied before']
  return { title: `${workersSmall.title}; ${sides.title}`, columns, rows, notes }
}

/** Seconds that all have taken so far. */
function processorTimesOf(...servers: readonly Side[]): number {
  return servers.reduce((sum, { pid }) => sum + (processorTimeOf(pid) ?? 0), 0)
}

export const workersKilled: Corpus = {
  name: 'workers-killed',
  title: 'One blob of 512 MB, one of 4 workers killed at 60 %',
  async run(bench) {
    const size = bench.quick ? 64 * MIB : 488 * MIB
    const source = await startServer('registry')
    const destination = await startServer('registry')
    const to = await startChild<ProxyFigures>('proxy-process.ts', { target: destination.url })
    await pushLarge(source.url, 'bench/broken', 'v1', 1, size)
    const options = ['--bandwidth', '40MiB/s']
    const fleet = await startFleet(bench, { source: source.host, destination: to.host, workers: 4, options })
    try {
      const running = fleet.run()
      let before = 0
      // Asking also forgets what was counted.
      while (before < size * 0.6) {
        before += (await to.figures()).bytesUp
        await sleep(10)
      }
      const present = z
        .array(z.object({ name: z.string(), tasks: z.number() }))
        .parse(await fleet.ask('workers', 'list'))
      for (const { name } of present.filter(({ tasks }) => tasks > 0))
        fleet.workers[Number(name.slice(1))]?.kill('SIGKILL')
      let after = 0
      const over = new AbortController()
      const ended = running.finally(() => over.abort())
      while (!over.signal.aborted) {
        after += (await to.figures()).bytesUp
        await sleep(100)
      }
      const ran = await ended
      if (ran.exitCode !== 0) bench.say(ran.said)
      const share = ran.exitCode === 0 ? `${Math.round((100 * (before + after - size)) / size)} %` : 'fails'
      const rows = [[megabytes(before), seconds(ran.wall), megabytes(before + after), share]]
      const columns = ['killed after MB up', 'wall', 'MB up in all', 'sent again']
      return [{ title: workersKilled.title, columns, rows, notes: [`the blob has ${megabytes(size)}`] }]
    } finally {
      await fleet.stop()
      await Promise.all([to.stop(), source.stop(), destination.stop()])
    }
  },
}

export const workersMany: Corpus = {
  name: 'workers-many',
  title: '1,000,000 tasks and 4 workers: the first minutes of the run',
  async run(bench) {
    const repositories = bench.quick ? 20 : 1000
    const content = { layers: 1, size: MIB, repositories, tags: 1000 } as const
    const source = await startChild('synthetic-process.ts', { ...content, role: 'source' })
    const destination = await startChild('synthetic-process.ts', { ...content, role: 'sink' })
    const fleet = await startFleet(bench, { source: source.host, destination: destination.host, workers: 4 })
    const redis = new Redis(fleet.redis.url)
    const stop = new AbortController()
    const rows: string[][] = []
    try {
      const running = fleet.run([], stop.signal)
      running.catch(() => {})
      const minutes = bench.quick ? 1 : 6
      let jobs = 0
      for (let at = 1; at <= minutes * 12; at += 1) {
        await sleep(5000)
        jobs = Math.max(jobs, await waiting(redis))
        if (at % 12 > 0) continue
        const used = Number(/used_memory_peak:(\d+)/.exec(await redis.info('memory'))?.[1])
        const [execution] = z.array(z.object({ succeed: z.number() })).parse(await fleet.ask('executions', 'list'))
        const done = (execution?.succeed ?? 0).toLocaleString('en')
        rows.push([String(at / 12), mebibytes(memoryOf('run')), String(jobs), mebibytes(used), done])
        bench.say(rows.at(-1)?.join(', ') ?? '')
      }
      stop.abort()
      await running
    } finally {
      redis.disconnect()
      await fleet.stop()
      await Promise.all([source.stop(), destination.stop()])
    }
    const columns = ['minute', 'memory of the run', 'most jobs in the queue', "Redis's peak", 'jobs done']
    return [{ title: workersMany.title, columns, rows, notes: [] }]
  },
}

/** Jobs that wait or are under way, of all queues. */
async function waiting(redis: Redis): Promise<number> {
  let jobs = 0
  for (const list of await redis.keys('*:wait')) jobs += await redis.llen(list)
  for (const list of await redis.keys('*:active')) jobs += await redis.llen(list)
  return jobs
}

/** Resident bytes of the process of ours that runs this command. */
function memoryOf(command: string): number | undefined {
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, entry, first] = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0')
      if (entry !== ENTRY || first !== command) continue
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1])
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined
}
