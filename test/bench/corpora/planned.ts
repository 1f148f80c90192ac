/** Very many tags: memory must not grow with them. */

import { type Child, startChild } from '../child.ts'
import type { Bench, Corpus } from '../corpus.ts'
import { type Command, measure, mebibytes, seconds } from '../measure.ts'
import type { RawCounts } from '../raw-http.ts'
import type { SyntheticOptions } from '../synthetic-process.ts'
import { ENTRY, ours } from '../tools.ts'

export const planned: Corpus = {
  name: 'planned',
  title: 'Very many tags, planned',
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
      const content = { role: 'source', layers: 1, size: 2 ** 20, repositories, tags } as const
      rows.push(await planOnce('unchanged, `replicate run`', content, content, (run) => run, bench))
      for (const flags of ['--shallow', '--shallow --explain', '--shallow --out plan.jsonl']) {
        const what = `new, \`replicate plan ${flags}\``
        rows.push(await planOnce(what, content, { ...content, role: 'sink' }, (run) => planOf(run, flags), bench))
      }
    }
    const columns = ['tags', 'all of them', 'peak memory', 'wall', 'CPU', 'requests to the source']
    return [{ title: planned.title, columns, rows, notes: [] }]
  },
}

async function planOnce(
  what: string,
  from: SyntheticOptions,
  to: SyntheticOptions,
  commandOf: (run: Command) => Command,
  bench: Bench,
): Promise<string[]> {
  const [source, destination] = await Promise.all(
    [from, to].map((side) => startChild<RawCounts>('synthetic-process.ts', side)),
  )
  if (!source || !destination) throw new Error('no servers')
  try {
    const scratch = bench.directory()
    const work = { source: source.host, destination: destination.host, repositories: [{ name: 'bench/*', tags: [] }] }
    const run = ours().command(work, scratch)
    if (!run) throw new Error('ours cannot run')
    const ran = await measure(commandOf(run), scratch)
    if (ran.exitCode !== 0) bench.say(ran.said)
    bench.say(`${from.repositories} × ${from.tags}, ${what}: ${mebibytes(ran.memory)}, ${seconds(ran.wall)}`)
    return [countOf(from), what, ...figures(ran), String(await requestsOf(source))]
  } finally {
    await Promise.all([source.stop(), destination.stop()])
  }
}

function figures(ran: Awaited<ReturnType<typeof measure>>): readonly string[] {
  return [ran.exitCode === 0 ? mebibytes(ran.memory) : 'failed', seconds(ran.wall), seconds(ran.cpu)]
}

function countOf({ repositories = 1, tags = 1 }: SyntheticOptions): string {
  const count = (repositories * tags).toLocaleString('en')
  return `${count} in ${repositories === 1 ? 'one repository' : `${repositories.toLocaleString('en')} repositories`}`
}

async function requestsOf(server: Child<RawCounts>): Promise<number> {
  return (await server.figures()).requests
}

/** To nowhere: what is measured is the plan, not this program reading it. */
function planOf(run: Command, flags: string): Command {
  const script = `exec "$0" "$1" plan ${flags} "$2" > /dev/null`
  return { ...run, file: 'sh', args: ['-c', script, process.execPath, ENTRY, run.args[2] ?? ''] }
}
