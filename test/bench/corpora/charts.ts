/** A classic chart repository with very many charts, whose every version is at a ChartMuseum already. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHelmHttp } from '../../fakes/helm-http.ts'
import { startChartMuseum } from '../../support/chartmuseum.ts'
import { chart, entryOf, indexOf } from '../../support/charts.ts'
import { pathOfTool } from '../../support/tools.ts'
import type { Corpus } from '../corpus.ts'
import { best, type Command, type Measured, measure, mebibytes, seconds } from '../measure.ts'
import { ENTRY } from '../tools.ts'

const VERSIONS = 10

export const charts: Corpus = {
  name: 'charts',
  title: 'A classic chart repository',
  async run(bench) {
    if (pathOfTool('chartmuseum') === undefined) throw new Error('chartmuseum is not installed')
    const count = bench.quick ? 500 : 5000
    bench.say(`making ${count * VERSIONS} charts`)
    const source = await startHelmHttp()
    const scratch = bench.directory()
    const all = Array.from({ length: count * VERSIONS }, (_, at) =>
      chart(`chart-${Math.floor(at / VERSIONS)}`, `1.${at % VERSIONS}.0`),
    )
    const museumFiles = join(scratch, 'museum')
    mkdirSync(museumFiles)
    for (const { file, archive } of all) {
      source.files.set(file, archive)
      writeFileSync(join(museumFiles, file), archive)
    }
    source.files.set('index.yaml', Buffer.from(indexOf(all.map((one) => entryOf(one)))))
    // Posted one by one they take it minutes: it makes its index anew for each.
    const museum = await startChartMuseum(museumFiles)
    try {
      mkdirSync(join(scratch, 'home'), { recursive: true })
      writeFileSync(
        join(scratch, 'policy.yaml'),
        `registries:
  charts: { type: helm-http, url: "${source.url}" }
  museum: { type: chartmuseum, url: "${museum.url}" }
policies:
  all: { source: charts, destination: museum }
`,
      )
      const run: Command = { file: process.execPath, args: [ENTRY, '-q', '--home', 'home', 'run', 'policy.yaml'] }
      const helm = pathOfTool('helm')
      const add = ['repo', 'add', '--force-update', 'bench', source.url]
      const rows: string[][] = []
      const notes: string[] = []
      const row = async (name: string, command: Command, rounds: number): Promise<void> => {
        const measured: Measured[] = []
        source.asked.splice(0)
        for (let round = 0; round < rounds; round += 1) measured.push(await measure(command, scratch))
        const result = best(measured)
        if (result?.exitCode !== 0) bench.say(`${name}: ${result?.said}`)
        const asked = (source.asked.length / rounds).toFixed(0)
        rows.push([name, seconds(result?.wall), seconds(result?.cpu), mebibytes(result?.memory), asked])
      }
      await row('replicate run, the first time', run, 1)
      await row('replicate run, again', run, bench.rounds)
      notes.push(
        `of the last run's requests to the source: ${source.asked.slice(-1).map(({ url, status }) => `${url} ${status}`)}`,
      )
      if (helm) await row('helm repo add, which reads the index', { file: helm, args: add }, bench.rounds)
      else notes.push('helm is not installed')
      return [
        {
          title: `${charts.title}: ${count} charts with ${count * VERSIONS} versions`,
          columns: ['command', 'wall', 'CPU', 'peak memory', 'requests to the source'],
          rows,
          notes,
        },
      ]
    } finally {
      museum.stop()
      await source.close()
    }
  },
}
