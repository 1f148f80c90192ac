/** One blob of 512 MB over a connection that breaks once, and a process that is killed on the way: what is moved twice. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type RealServer, startServer } from '../../support/servers.ts'
import { type Child, startChild } from '../child.ts'
import type { Bench, Corpus } from '../corpus.ts'
import { pushLarge } from '../large.ts'
import { measure, megabytes, seconds } from '../measure.ts'
import type { ProxyFigures, ProxyProcessOptions } from '../proxy-process.ts'
import type { Tool } from '../tools.ts'

const MIB = 2 ** 20
const REPOSITORIES = [{ name: 'bench/broken', tags: ['v1'] }]

export const broken: Corpus = {
  name: 'broken',
  title: 'One blob of 512 MB, the connection cut once at 300 MB',
  async run(bench) {
    const size = bench.quick ? 64 * MIB : 488 * MIB
    const after = Math.round(size * 0.6)
    const rows: string[][] = []
    await withSource(size, async (source) => {
      for (const way of ['down', 'up'] as const) {
        for (const tool of bench.tools) rows.push(await cutOnce(tool, source, way, after, bench))
      }
    })
    const notes = [
      `the blob has ${megabytes(size)}, cut after ${megabytes(after)}; bytes are counted by proxies on both sides`,
    ]
    return [{ title: broken.title, columns: ['tool', 'cut', 'MB down', 'MB up', 'wall'], rows, notes }]
  },
}

export const killed: Corpus = {
  name: 'killed',
  title: 'One blob of 512 MB, the program killed at 60 %, run again',
  async run(bench) {
    const size = bench.quick ? 64 * MIB : 488 * MIB
    const rows: string[][] = []
    await withSource(size, async (source) => {
      for (const tool of bench.tools) rows.push(await killOnce(tool, source, size, bench))
    })
    const columns = ['tool', 'killed after MB up', 'second run MB down', 'MB up', 'of the blob']
    return [{ title: killed.title, columns, rows, notes: [`the blob has ${megabytes(size)}`] }]
  },
}

async function withSource(size: number, work: (source: RealServer) => Promise<void>): Promise<void> {
  const source = await startServer('registry')
  try {
    await pushLarge(source.url, 'bench/broken', 'v1', 1, size)
    await work(source)
  } finally {
    await source.stop()
  }
}

async function cutOnce(
  tool: Tool,
  source: RealServer,
  way: 'up' | 'down',
  after: number,
  bench: Bench,
): Promise<string[]> {
  const cutOnce = { way, after }
  return behindProxies(source, way === 'down' ? { cutOnce } : {}, way === 'up' ? { cutOnce } : {}, async (from, to) => {
    const scratch = bench.directory()
    const command = tool.command({ source: from.host, destination: to.host, repositories: REPOSITORIES }, scratch)
    if (!command) return [tool.name, way, '–', '–', '–']
    const ran = await measure(command, scratch)
    const [down, up] = await Promise.all([from.figures(), to.figures()])
    bench.say(`${tool.name}, ${way} cut: ${megabytes(down.bytesDown)} / ${megabytes(up.bytesUp)}, exit ${ran.exitCode}`)
    const end = ran.exitCode === 0 ? seconds(ran.wall) : 'fails'
    return [tool.name, way === 'down' ? 'source' : 'destination', megabytes(down.bytesDown), megabytes(up.bytesUp), end]
  })
}

async function killOnce(tool: Tool, source: RealServer, size: number, bench: Bench): Promise<string[]> {
  return behindProxies(source, {}, {}, async (from, to) => {
    const scratch = bench.directory()
    const command = tool.command({ source: from.host, destination: to.host, repositories: REPOSITORIES }, scratch)
    if (!command) return [tool.name, '–', '–', '–', '–']
    const killer = new AbortController()
    const running = measure(command, scratch, killer.signal)
    let before = 0
    // Asking also forgets what was counted.
    while (before < size * 0.6) {
      before += (await to.figures()).bytesUp
      await sleep(10)
    }
    killer.abort()
    await running
    // What was still on its way arrives.
    await sleep(500)
    before += (await to.figures()).bytesUp
    await from.figures()
    const again = await measure(command, scratch)
    const [down, up] = await Promise.all([from.figures(), to.figures()])
    bench.say(`${tool.name}: killed after ${megabytes(before)}, then ${megabytes(up.bytesUp)}, exit ${again.exitCode}`)
    const share = again.exitCode === 0 ? `${Math.round((100 * up.bytesUp) / size)} %` : 'fails'
    return [tool.name, megabytes(before), megabytes(down.bytesDown), megabytes(up.bytesUp), share]
  })
}

type Fault = Pick<ProxyProcessOptions, 'cutOnce'>

async function behindProxies<T>(
  source: RealServer,
  sourceFault: Fault,
  destinationFault: Fault,
  work: (from: Child<ProxyFigures>, to: Child<ProxyFigures>) => Promise<T>,
): Promise<T> {
  const destination = await startServer('registry')
  const [from, to] = await Promise.all([
    startChild<ProxyFigures>('proxy-process.ts', { target: source.url, ...sourceFault }),
    startChild<ProxyFigures>('proxy-process.ts', { target: destination.url, ...destinationFault }),
  ])
  try {
    return await work(from, to)
  } finally {
    await Promise.all([from.stop(), to.stop(), destination.stop()])
  }
}
