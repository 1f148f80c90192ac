/** The same work by every tool, in turn: counted once behind proxies, timed without them, cold and once more with nothing to do. */

import { type RealServer, startServer } from '../support/servers.ts'
import { type Child, startChild } from './child.ts'
import type { Bench, Table } from './corpus.ts'
import { best, type Measured, measure, mebibytes, megabytes, seconds } from './measure.ts'
import type { ProxyFigures } from './proxy-process.ts'
import { ratioNotes } from './ratio.ts'
import type { Tool, Work } from './tools.ts'

export interface Comparison {
  readonly title: string
  /** Fills the source. */
  readonly seed: (url: string) => Promise<void>
  readonly repositories: Work['repositories']
  /** Milliseconds added to every request; what is timed goes through the proxies then. */
  readonly delay?: number
  /** Named tools only take part: `Tool.name`. */
  readonly without?: readonly string[]
}

/** What one tool did: a copy to an empty destination, and the same command again. */
interface Trial {
  readonly cold: Measured
  readonly again: Measured
  readonly coldTraffic: ProxyFigures | undefined
  readonly againTraffic: ProxyFigures | undefined
}

export async function compare(comparison: Comparison, bench: Bench): Promise<Table> {
  const tools = bench.tools.filter((tool) => !comparison.without?.includes(tool.name))
  const source = await startServer('registry')
  const counted = new Map<Tool, Trial>()
  const timed = new Map<Tool, Trial[]>()
  try {
    await comparison.seed(source.url)
    for (let round = 0; round <= bench.rounds; round += 1) {
      const proxied = round === 0
      for (const tool of tools) {
        const trial = await tryOut(tool, source, comparison, proxied, bench)
        if (!trial) continue
        bench.say(
          `${tool.name}${proxied ? ', counted' : ''}: ${seconds(trial.cold.wall)}, again ${seconds(trial.again.wall)}`,
        )
        if (trial.cold.exitCode !== 0) bench.say(trial.cold.said)
        if (proxied) counted.set(tool, trial)
        else timed.set(tool, [...(timed.get(tool) ?? []), trial])
      }
    }
  } finally {
    await source.stop()
  }
  const cold = [...timed].map(([tool, trials]) => ({ tool, result: best(trials.map((trial) => trial.cold)) }))
  const again = [...timed].map(([tool, trials]) => ({ tool, result: best(trials.map((trial) => trial.again)) }))
  return {
    title: comparison.title,
    columns: ['tool', 'requests', 'again', 'MB down', 'MB up', 'wall', 'again', 'CPU', 'peak memory'],
    rows: cold.map(({ tool, result }, at) => rowOf(tool, result, again[at]?.result, counted.get(tool))),
    notes: [...ratioNotes(cold).map((note) => `cold: ${note}`), ...ratioNotes(again).map((note) => `again: ${note}`)],
  }
}

function rowOf(
  tool: Tool,
  cold: Measured | undefined,
  again: Measured | undefined,
  counted: Trial | undefined,
): string[] {
  const traffic = counted?.coldTraffic
  if (cold?.exitCode !== 0) return [tool.name, 'failed', ...Array.from({ length: 7 }, () => '–')]
  return [
    tool.name,
    String(traffic?.requests ?? '–'),
    String(counted?.againTraffic?.requests ?? '–'),
    megabytes(traffic?.bytesDown),
    megabytes(traffic?.bytesUp),
    seconds(cold.wall),
    seconds(again?.wall),
    seconds(cold.cpu),
    mebibytes(cold.memory),
  ]
}

async function tryOut(
  tool: Tool,
  source: RealServer,
  comparison: Comparison,
  counted: boolean,
  bench: Bench,
): Promise<Trial | undefined> {
  const { repositories, delay } = comparison
  const destination = await startServer('registry')
  const proxies = counted || delay !== undefined ? await Promise.all([source, destination].map(proxied)) : []
  const [from = source, to = destination] = proxies
  const scratch = bench.directory()
  try {
    const command = tool.command({ source: from.host, destination: to.host, repositories }, scratch)
    if (!command) return undefined
    const cold = await measure(command, scratch)
    const coldTraffic = await traffic(proxies)
    const again = await measure(command, scratch)
    return { cold, again, coldTraffic, againTraffic: await traffic(proxies) }
  } finally {
    await Promise.all([...proxies.map((proxy) => proxy.stop()), destination.stop()])
  }

  function proxied(server: RealServer): Promise<Child<ProxyFigures>> {
    return startChild<ProxyFigures>('proxy-process.ts', {
      target: server.url,
      ...(delay === undefined ? {} : { delay }),
    })
  }
}

/** Requests of both sides; what came down from the source, and what went up to the destination. */
async function traffic(proxies: readonly Child<ProxyFigures>[]): Promise<ProxyFigures | undefined> {
  const [source, destination] = await Promise.all(proxies.map((proxy) => proxy.figures()))
  if (!source || !destination) return undefined
  const requests = source.requests + destination.requests
  return { requests, bytesDown: source.bytesDown, bytesUp: destination.bytesUp }
}
