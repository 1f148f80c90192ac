/** A classic chart repository with very many charts, whose every version is at a ChartMuseum and at a registry already. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FakeRepository, startHelmHttp } from '../../../fakes/helm-http.ts'
import { startChartMuseum } from '../../../support/chartmuseum.ts'
import { chart, entryOf, indexOf, type TestChart } from '../../../support/charts.ts'
import { startCountingProxy } from '../../../support/counting-proxy.ts'
import { availableServers, startServer } from '../../../support/servers.ts'
import { pathOfTool } from '../../../support/tools.ts'
import type { Bench, Corpus, Table } from '../../corpus.ts'
import { best, type Command, type Measured, measure, mebibytes, seconds } from '../../measure.ts'
import { ENTRY } from '../../tools.ts'
import { store } from './stored.ts'

const VERSIONS = 10

export const charts: Corpus = {
  name: 'charts',
  title: 'A classic chart repository',
  async run(bench) {
    const count = bench.quick ? 500 : 5000
    bench.say(`making ${count * VERSIONS} charts`)
    const source = await startHelmHttp()
    const all = Array.from({ length: count * VERSIONS }, (_, at) =>
      chart(`chart-${Math.floor(at / VERSIONS)}`, `1.${at % VERSIONS}.0`),
    )
    for (const { file, archive } of all) source.files.set(file, archive)
    source.files.set('index.yaml', Buffer.from(indexOf(all.map((one) => entryOf(one)))))
    try {
      return [await atMuseum(bench, source, all), await atRegistry(bench, source, all)].flat()
    } finally {
      await source.close()
    }
  },
}

async function atMuseum(bench: Bench, source: FakeRepository, all: readonly TestChart[]): Promise<readonly Table[]> {
  if (pathOfTool('chartmuseum') === undefined) return []
  const scratch = bench.directory()
  const storage = join(scratch, 'museum')
  mkdirSync(storage)
  // Posted one by one they take it minutes: it makes its index anew for each.
  for (const { file, archive } of all) writeFileSync(join(storage, file), archive)
  const museum = await startChartMuseum(storage)
  try {
    const { rows, row } = measuring(bench, source, scratch)
    const run = policyIn(scratch, 'policy', source, `{ type: chartmuseum, url: "${museum.url}" }`)
    await row('replicate run, the first time: looks for provenance', run, 1)
    await row('replicate run, again', run, bench.rounds)
    const last = source.asked.slice(-1).map(({ url, status }) => `${url} ${status}`)
    const helm = pathOfTool('helm')
    const add = ['repo', 'add', '--force-update', 'bench', source.url]
    if (helm) await row('helm repo add, which reads the index', { file: helm, args: add }, bench.rounds)
    const title = `${charts.title}: ${all.length / VERSIONS} charts with ${all.length} versions, all at a ChartMuseum`
    const notes = [`the last run’s request to the source: ${last}`, ...(helm ? [] : ['helm is not installed'])]
    return [{ title, columns: COLUMNS, rows, notes }]
  } finally {
    museum.stop()
  }
}

async function atRegistry(bench: Bench, source: FakeRepository, all: readonly TestChart[]): Promise<readonly Table[]> {
  const [name] = availableServers()
  if (name === undefined || name === 'zot') return []
  const scratch = bench.directory()
  const registry = await startServer(name)
  try {
    bench.say(`putting ${all.length} charts into ${name}`)
    store(registry.directory, 'mirror', all)
    const { rows, row } = measuring(bench, source, scratch)
    const run = policyIn(scratch, 'policy', source, target(registry.url), MIRROR)
    await row('replicate run, the first time: reads manifests, looks for provenance', run, 1)
    await row('replicate run, again', run, bench.rounds)
    const proxy = await startCountingProxy(registry.url)
    await measure(policyIn(scratch, 'counted', source, target(proxy.url), MIRROR), scratch)
    const counts = [...proxy.counts].map(([route, times]) => `${times} × ${route}`).join(', ')
    await proxy.close()
    const title = `${charts.title}: ${all.length / VERSIONS} charts with ${all.length} versions, all at ${name}`
    return [{ title, columns: COLUMNS, rows, notes: [`an unchanged run asks the registry: ${counts}`] }]
  } finally {
    await registry.stop()
  }
}

const MIRROR = '{ registry: to, namespace: mirror, flatten: 0 }'
const target = (url: string): string => `{ type: docker-registry, url: "${url}" }`

function policyIn(
  scratch: string,
  file: string,
  { url }: FakeRepository,
  to: string,
  destination = '{ registry: to }',
): Command {
  mkdirSync(join(scratch, 'home'), { recursive: true })
  writeFileSync(
    join(scratch, `${file}.yaml`),
    `registries:
  charts: { type: helm-http, url: "${url}" }
  to: ${to}
policies:
  all: { source: charts, destination: ${destination} }
`,
  )
  return { file: process.execPath, args: [ENTRY, '-q', '--home', 'home', 'run', `${file}.yaml`] }
}

const COLUMNS = ['command', 'wall', 'CPU', 'peak memory', 'requests to the source']

function measuring(bench: Bench, source: FakeRepository, scratch: string) {
  const rows: string[][] = []
  const row = async (name: string, command: Command, rounds: number): Promise<void> => {
    const measured: Measured[] = []
    source.asked.splice(0)
    for (let round = 0; round < rounds; round += 1) measured.push(await measure(command, scratch))
    const result = best(measured)
    if (result?.exitCode !== 0) bench.say(`${name}: ${result?.said}`)
    const asked = (source.asked.length / rounds).toFixed(0)
    rows.push([name, seconds(result?.wall), seconds(result?.cpu), mebibytes(result?.memory), asked])
  }
  return { rows, row }
}
