/** One image, pulled from its source, from the destination, and through the gateway: for the first time, and again. */

import { delimiter } from 'node:path'
import { startServer } from '../../../support/servers.ts'
import { pathOfTool } from '../../../support/tools.ts'
import { startChild } from '../../child.ts'
import type { Bench, Corpus, Table } from '../../corpus.ts'
import { startDaemon } from '../../daemon.ts'
import { pushLarge } from '../../large.ts'
import { best, type Command, type Measured, measure, processorTimeOf, seconds } from '../../measure.ts'
import { ratio } from '../../ratio.ts'
import { configuration } from './configuration.ts'

const LAYERS = 4
const MIB = 2 ** 20
const NAME = 'team/large'
/** Pulled before, so that what is measured is a daemon that has served a while, and not its first seconds. */
const WARM = 'team/warm'
/** Of the lines from both registries, in MiB a second: what a good one to a public registry brings, and 1 Gbit/s. */
const NETWORKS = [40, 119]

/** Each pulls `reference` into its working directory. */
const CLIENTS: Readonly<Record<string, (reference: string) => string>> = {
  skopeo: (reference) => `skopeo --insecure-policy copy -q --src-tls-verify=false docker://${reference} dir:image`,
  crane: (reference) => `crane pull --insecure --format=oci ${reference} image`,
}

export const gatewayPulls: Corpus = {
  name: 'gateway-pulls',
  title: 'An image pulled through the gateway',
  async run(bench) {
    const size = (bench.quick ? 16 : 125) * MIB
    const source = await startServer('registry')
    try {
      await pushLarge(source.url, NAME, 'v1', LAYERS, size)
      await pushLarge(source.url, WARM, 'v1', LAYERS, 16 * MIB)
      const tables: Table[] = []
      const clients = Object.keys(CLIENTS).filter((client) => pathOfTool(client) !== undefined)
      for (const client of clients) tables.push(await compare(client, source, size, bench, 'on this machine'))
      for (const rate of NETWORKS) {
        const where = `with ${rate} MiB/s from each registry`
        for (const client of clients) tables.push(await compare(client, source, size, bench, where, rate * MIB))
      }
      return tables
    } finally {
      await source.stop()
    }
  },
}

interface Host {
  readonly host: string
  readonly url: string
}

/** The line from a registry. */
async function lineTo(registry: Host, perSecond: number | undefined): Promise<Host & { stop(): Promise<void> }> {
  if (perSecond === undefined) return { host: registry.host, url: registry.url, stop: async () => {} }
  return startChild('proxy-process.ts', { target: registry.url, perSecond })
}

async function compare(
  client: string,
  source: Host,
  size: number,
  bench: Bench,
  where: string,
  perSecond?: number,
): Promise<Table> {
  const measured = { direct: [], first: [], again: [], destination: [] } satisfies Record<string, Measured[]>
  const rounds: Record<keyof typeof measured, Measured[]> = measured
  /** Seconds of the gateway's processor time. */
  const spentBy: Record<keyof typeof measured, number[]> = { direct: [], first: [], again: [], destination: [] }
  for (let round = 1; round <= bench.rounds; round += 1) {
    const destination = await startServer('registry')
    const [from, to] = [await lineTo(source, perSecond), await lineTo(destination, perSecond)]
    const daemon = await startDaemon(bench.directory(), configuration(from, to, '10m'))
    try {
      const gateway = new URL(daemon.url).host
      const pull = async (what: keyof typeof measured, reference: string): Promise<void> => {
        const ran = await measure(commandOf(client, reference), bench.directory())
        bench.say(`${client}, ${what}, round ${round}: ${seconds(ran.wall)}${ran.exitCode === 0 ? '' : ` ${ran.said}`}`)
        rounds[what].push(ran)
      }
      const gatewayPull = async (what: 'first' | 'again'): Promise<void> => {
        const before = processorTimeOf(daemon.pid)
        await pull(what, `${gateway}/${NAME}:v1`)
        await daemon.heard(/(execution 2 .*succeeded)/)
        const after = processorTimeOf(daemon.pid)
        if (before !== undefined && after !== undefined) spentBy[what].push(after - before)
      }
      for (let time = 0; time < 2; time += 1)
        await measure(commandOf(client, `${gateway}/${WARM}:v1`), bench.directory())
      await daemon.heard(/(execution 1 .*succeeded)/)
      await pull('direct', `${from.host}/${NAME}:v1`)
      await gatewayPull('first')
      await gatewayPull('again')
      await pull('destination', `${to.host}/mirror/large:v1`)
    } finally {
      await daemon.stop()
      await Promise.all([from.stop(), to.stop()])
      await destination.stop()
    }
  }
  const wall = (what: keyof typeof measured): number => best(rounds[what])?.wall ?? Number.NaN
  const row = (what: keyof typeof measured, title: string, against?: keyof typeof measured): readonly string[] => {
    const result = best(rounds[what])
    if (result?.exitCode !== 0) return [title, 'failed', '–', '–']
    const cpu = spentBy[what].length > 0 ? Math.min(...spentBy[what]) : undefined
    return [title, seconds(result.wall), against === undefined ? '–' : ratio(result.wall, wall(against)), seconds(cpu)]
  }
  return {
    title: `${(LAYERS * size) / MIB} MiB in ${LAYERS} layers, pulled by ${client}, ${where}`,
    columns: ['pull', 'wall', 'ratio', 'CPU of the gateway'],
    rows: [
      row('direct', 'from the source'),
      row('first', 'through the gateway, the first', 'direct'),
      row('destination', 'from the destination'),
      row('again', 'through the gateway, again', 'destination'),
    ],
    notes: [
      'all processes share this machine: registries, gateway and client',
      'the CPU of a first pull counts until the destination has everything',
    ],
  }
}

function commandOf(client: string, reference: string): Command {
  const path = [...new Set([process.env.PATH ?? '', pathOfTool(client)?.replace(/\/[^/]+$/, '') ?? ''])]
  return { file: 'sh', args: ['-ec', CLIENTS[client]?.(reference) ?? ''], env: { PATH: path.join(delimiter) } }
}
