/** A plan of very many tags: memory must not grow with them. */

import { startChild } from '../child.ts'
import type { Corpus } from '../corpus.ts'
import { measure, mebibytes, seconds } from '../measure.ts'
import type { RawCounts } from '../raw-http.ts'
import { ENTRY, ours } from '../tools.ts'

export const planned: Corpus = {
  name: 'planned',
  title: 'A plan of very many tags, each of them new',
  async run(bench) {
    const rows: string[][] = []
    const cases = bench.quick
      ? [[1, 20_000]]
      : [
          [1, 50_000],
          [50, 1000],
          [1000, 1000],
        ]
    for (const [repositories = 1, tags = 1] of cases) {
      const source = await startChild<RawCounts>('synthetic-process.ts', {
        role: 'source',
        layers: 1,
        size: 2 ** 20,
        repositories,
        tags,
      })
      const sink = await startChild<RawCounts>('synthetic-process.ts', { role: 'sink' })
      const scratch = bench.directory()
      try {
        const names = [{ name: 'bench/*', tags: [] }]
        const run = ours().command({ source: source.host, destination: sink.host, repositories: names }, scratch)
        const policy = run?.args[2] ?? ''
        // To nowhere: what is measured is the plan, not this program reading it.
        const script = 'exec "$0" "$1" plan --shallow "$2" > /dev/null'
        const ran = await measure({ file: 'sh', args: ['-c', script, process.execPath, ENTRY, policy] }, scratch)
        const { requests } = await source.figures()
        if (ran.exitCode !== 0) bench.say(ran.said)
        bench.say(`${repositories} × ${tags}: ${mebibytes(ran.memory)}, ${seconds(ran.wall)}`)
        const count = (repositories * tags).toLocaleString('en')
        rows.push([
          `${count} in ${repositories === 1 ? 'one repository' : `${repositories} repositories`}`,
          ran.exitCode === 0 ? mebibytes(ran.memory) : 'failed',
          seconds(ran.wall),
          seconds(ran.cpu),
          String(requests),
        ])
      } finally {
        await Promise.all([source.stop(), sink.stop()])
      }
    }
    const columns = ['tags', 'peak memory', 'wall', 'CPU', 'requests to the source']
    return [{ title: planned.title, columns, rows, notes: ['`replicate plan --shallow`'] }]
  },
}
