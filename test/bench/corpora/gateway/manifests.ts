/** Small manifests pulled by their tags: the gateway beside other registries that bring what is pulled. */

import { startServer } from '../../../support/servers.ts'
import { pathOfTool } from '../../../support/tools.ts'
import type { Corpus } from '../../corpus.ts'
import { startDaemon } from '../../daemon.ts'
import { pushLarge } from '../../large.ts'
import { processorTimeOf } from '../../measure.ts'
import { configuration } from './configuration.ts'
import { evenly, most, once } from './load.ts'

const MIB = 2 ** 20
const TAGS = 20
const PER_SECOND = 1000
const CONNECTIONS = 32
const COPIED = new RegExp(`(?:succeeded[^]*){${TAGS}}`)

interface Measurable {
  readonly url: string
  readonly pid: number | undefined
  /** Resolves once all that was pulled is at the destination. */
  readonly copied?: () => Promise<unknown>
}

export const gatewayManifests: Corpus = {
  name: 'gateway-manifests',
  title: `${PER_SECOND} pulls of small manifests a second`,
  async run(bench) {
    const lasting = bench.quick ? 2 : 10
    const source = await startServer('registry')
    const rows: string[][] = []
    const measureOne = async (title: string, { url, pid, copied }: Measurable): Promise<void> => {
      const urls = Array.from({ length: TAGS }, (_, tag) => `${url}/v2/team/small/manifests/v${tag}`)
      for (const each of urls) await warmed(each)
      await copied?.()
      for (let round = 1; round <= bench.rounds; round += 1) {
        const before = processorTimeOf(pid)
        const { failed, times } = await evenly(urls, PER_SECOND, lasting)
        const after = processorTimeOf(pid)
        const cpu =
          before === undefined || after === undefined
            ? '–'
            : `${(((after - before) * 1e6) / (PER_SECOND * lasting)).toFixed(0)} µs`
        const at = (part: number): string => `${(times[Math.ceil(part * times.length) - 1] ?? 0).toFixed(1)} ms`
        rows.push([
          title,
          String(round),
          String(failed),
          at(0.5),
          at(0.99),
          at(1),
          cpu,
          `${await most(urls, CONNECTIONS, 2)}/s`,
        ])
        bench.say(`${title}, round ${round}: p99 ${at(0.99)}`)
      }
    }
    try {
      for (let tag = 0; tag < TAGS; tag += 1) await pushLarge(source.url, 'team/small', `v${tag}`, 1, MIB)
      const destination = await startServer('registry')
      const daemon = await startDaemon(bench.directory(), configuration(source, destination, '1m'))
      await measureOne('replicate', { ...daemon, copied: () => daemon.heard(COPIED) })
      await daemon.stop()
      await destination.stop()
      for (const name of ['registry', 'zot'] as const) {
        if (pathOfTool(name) === undefined) continue
        const proxy = await startServer(name, { proxy: source.url })
        await measureOne(name === 'registry' ? 'distribution 3, proxy' : 'zot, on demand', proxy)
        await proxy.stop()
      }
    } finally {
      await source.stop()
    }
    return [
      {
        title: `${PER_SECOND} pulls a second of ${TAGS} small manifests by tag, for ${lasting} s`,
        columns: ['server', 'round', 'failed', 'median', 'p99', 'longest', 'CPU a pull', 'at most'],
        rows,
        notes: [
          'each pull is timed from when it was due, so that waiting counts',
          `at most: ${CONNECTIONS} connections that ask again at once, for 2 s`,
        ],
      },
    ]
  },
}

/** A first pull may take a while. */
async function warmed(url: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    if (await once(url)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${url} cannot be pulled`)
}
