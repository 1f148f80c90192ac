/** Small manifests pulled by their tags: the gateway beside other registries that bring what is pulled. */

import { Agent, get } from 'node:http'
import { OCI_MANIFEST } from '../../../../src/core/manifest.ts'
import { startServer } from '../../../support/servers.ts'
import { pathOfTool } from '../../../support/tools.ts'
import type { Corpus } from '../../corpus.ts'
import { startDaemon } from '../../daemon.ts'
import { pushLarge } from '../../large.ts'

const MIB = 2 ** 20
const TAGS = 20
const PER_SECOND = 1000
const CONNECTIONS = 32

export const gatewayManifests: Corpus = {
  name: 'gateway-manifests',
  title: `${PER_SECOND} pulls of small manifests a second`,
  async run(bench) {
    const lasting = bench.quick ? 2 : 10
    const source = await startServer('registry')
    const rows: string[][] = []
    const measureOne = async (title: string, url: string): Promise<void> => {
      const paths = Array.from({ length: TAGS }, (_, tag) => `${url}/v2/team/small/manifests/v${tag}`)
      for (const path of paths) await warmed(path)
      for (let round = 1; round <= bench.rounds; round += 1) {
        const { failed, times } = await load(paths, lasting)
        const at = (part: number): string => `${(times[Math.ceil(part * times.length) - 1] ?? 0).toFixed(1)} ms`
        rows.push([title, String(round), String(failed), at(0.5), at(0.99), at(1), `${await most(paths)}/s`])
        bench.say(`${title}, round ${round}: p99 ${at(0.99)}`)
      }
    }
    try {
      for (let tag = 0; tag < TAGS; tag += 1) await pushLarge(source.url, 'team/small', `v${tag}`, 1, MIB)
      const destination = await startServer('registry')
      const daemon = await startDaemon(bench.directory(), configuration(source.url, destination.url))
      await measureOne('replicate', daemon.url)
      await daemon.stop()
      await destination.stop()
      for (const name of ['registry', 'zot'] as const) {
        if (pathOfTool(name) === undefined) continue
        const proxy = await startServer(name, { proxy: source.url })
        await measureOne(name === 'registry' ? 'distribution 3, proxy' : 'zot, on demand', proxy.url)
        await proxy.stop()
      }
    } finally {
      await source.stop()
    }
    return [
      {
        title: `${PER_SECOND} pulls a second of ${TAGS} small manifests by tag, for ${lasting} s`,
        columns: ['server', 'round', 'failed', 'median', 'p99', 'longest', 'at most'],
        rows,
        notes: [
          'each pull is timed from when it was due, so that waiting counts',
          `at most: ${CONNECTIONS} connections that ask again at once, for 2 s`,
        ],
      },
    ]
  },
}

interface Load {
  readonly failed: number
  /** Milliseconds, sorted. */
  readonly times: readonly number[]
}

/** Asks at an even pace, whether answers come or not. */
async function load(paths: readonly string[], lasting: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true })
  const times: number[] = []
  let failed = 0
  const began = performance.now()
  const asked: Promise<void>[] = []
  const ask = async (number: number): Promise<void> => {
    const due = began + (number / PER_SECOND) * 1000
    if (await pulled(paths[number % paths.length] ?? '', agent)) times.push(performance.now() - due)
    else failed += 1
  }
  while (asked.length < PER_SECOND * lasting) {
    const due = Math.floor(((performance.now() - began) / 1000) * PER_SECOND)
    while (asked.length < Math.min(due, PER_SECOND * lasting)) asked.push(ask(asked.length))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(asked)
  agent.destroy()
  return { failed, times: times.sort((one, other) => one - other) }
}

/** Pulls a second of clients that do nothing else. */
async function most(paths: readonly string[]): Promise<number> {
  const agent = new Agent({ keepAlive: true })
  const until = performance.now() + 2000
  let count = 0
  const client = async (): Promise<void> => {
    while (performance.now() < until) if (await pulled(paths[count % paths.length] ?? '', agent)) count += 1
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, client))
  agent.destroy()
  return Math.round(count / 2)
}

/** A first pull may take a while. */
async function warmed(path: string): Promise<void> {
  const agent = new Agent()
  for (let attempt = 0; attempt < 50; attempt += 1) {
    if (await pulled(path, agent)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${path} cannot be pulled`)
}

function pulled(path: string, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(path, { agent, headers: { accept: OCI_MANIFEST } }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode === 200))
      response.once('error', () => resolve(false))
    })
    request.once('error', () => resolve(false))
  })
}

function configuration(source: string, destination: string): string {
  return `registries:
  hub: { type: docker-registry, url: "${source}" }
  mine: { type: docker-registry, url: "${destination}" }
policies:
  pulls:
    source: { registry: hub, namespaces: [team] }
    destination: { registry: mine, namespace: mirror }
    triggers: [{ pull: true }]
serve: { listen: "127.0.0.1:0" }
`
}
