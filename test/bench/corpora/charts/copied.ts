/** Charts of a classic repository brought into a registry, beside a loop of `helm pull` and `helm push`. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHelmHttp } from '../../../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../../../support/charts.ts'
import { randomBytes } from '../../../support/random.ts'
import { availableServers, startServer } from '../../../support/servers.ts'
import { pathOfTool } from '../../../support/tools.ts'
import type { Corpus } from '../../corpus.ts'
import { type Command, measure, mebibytes, seconds } from '../../measure.ts'
import { ENTRY } from '../../tools.ts'

export const chartsCopied: Corpus = {
  name: 'charts-copied',
  title: 'Charts of a classic repository copied into a registry',
  async run(bench) {
    const [name] = availableServers()
    if (name === undefined) throw new Error('no registry is installed')
    const count = bench.quick ? 20 : 200
    const scratch = bench.directory()
    mkdirSync(join(scratch, 'home'))
    mkdirSync(join(scratch, 'pulled'))
    const source = await startHelmHttp()
    const all = Array.from({ length: count }, (_, at) =>
      // 40 KB, as charts of some size have.
      chart(`chart-${at}`, '1.0.0', { 'files/noise.txt': randomBytes(20_000, `chart ${at}`).toString('hex') }),
    )
    for (const { file, archive } of all) source.files.set(file, archive)
    source.files.set('index.yaml', Buffer.from(indexOf(all.map((one) => entryOf(one)))))
    const registry = await startServer(name)
    try {
      writeFileSync(
        join(scratch, 'policy.yaml'),
        `registries:
  charts: { type: helm-http, url: "${source.url}" }
  to: { type: docker-registry, url: "${registry.url}" }
policies:
  all: { source: charts, destination: { registry: to, namespace: ours, flatten: 0 } }
`,
      )
      const helm = pathOfTool('helm')
      writeFileSync(
        join(scratch, 'loop.sh'),
        `set -e
${all.map((one) => `"$HELM" pull ${one.name} --repo ${source.url} --version ${one.version} -d pulled && "$HELM" push pulled/${one.file} oci://${registry.host}/theirs --plain-http`).join('\n')}
`,
      )
      const run: Command = { file: process.execPath, args: [ENTRY, '-q', '--home', 'home', 'run', 'policy.yaml'] }
      const loop: Command | undefined =
        helm === undefined ? undefined : { file: 'bash', args: ['loop.sh'], env: { HELM: helm } }
      const rows: string[][] = []
      for (const [title, command] of [
        ['replicate run', run],
        ['replicate run, again', run],
        ['helm pull && helm push, chart by chart', loop],
        ['the same, again', loop],
      ] as const) {
        if (!command) continue
        source.asked.splice(0)
        const result = await measure(command, scratch)
        if (result.exitCode !== 0) bench.say(`${title}: ${result.said}`)
        const asked = String(source.asked.length)
        rows.push([title, seconds(result.wall), seconds(result.cpu), mebibytes(result.memory), asked])
      }
      return [
        {
          title: `${chartsCopied.title}: ${count}, into ${name}`,
          columns: ['command', 'wall', 'CPU', 'peak memory', 'requests to the source'],
          rows,
          notes: helm ? [] : ['helm is not installed'],
        },
      ]
    } finally {
      await registry.stop()
      await source.close()
    }
  },
}
