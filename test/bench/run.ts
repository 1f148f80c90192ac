/** `npm run bench [-- [--quick] [--rounds N] NAME...]`: measures ours beside the others and prints Markdown tables. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { missingServers } from '../support/servers.ts'
import { corpora } from './corpora.ts'
import { type Bench, type Corpus, renderTable } from './corpus.ts'
import { otherTools, ours } from './tools.ts'

await main()

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    for (const { name, title } of corpora) process.stdout.write(`${name.padEnd(14)} ${title}\n`)
    return
  }
  const unknown = positionals.filter((name) => named(name).length === 0)
  if (unknown.length > 0) return fail(`no such corpus: ${unknown.join(', ')}; --list names them`)
  if (!existsSync(join(import.meta.dirname, '../../dist/cli/main.js'))) return fail('run `npm run build` first')
  if (missingServers().includes('registry')) return fail('distribution 3 (`registry`) is not installed')

  const { tools, missing } = otherTools()
  const directories: string[] = []
  const clean = (): void => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', clean)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const bench: Bench = {
    quick: values.quick,
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    tools: [ours(), ...tools],
    directory() {
      const directory = mkdtempSync(join(tmpdir(), 'replicate-bench-'))
      directories.push(directory)
      return directory
    },
    say: (text) => process.stderr.write(`  ${text}\n`),
  }
  const memory = Math.round(totalmem() / 2 ** 30)
  process.stdout.write(`Node ${process.versions.node}, ${cpus().length} cores, ${memory} GiB`)
  process.stdout.write(missing.length > 0 ? `; not installed, so left out: ${missing.join(', ')}\n\n` : '\n\n')
  for (const corpus of corpora) {
    if (positionals.length > 0 && !positionals.some((name) => named(name).includes(corpus))) continue
    bench.say(corpus.name)
    try {
      for (const table of await corpus.run(bench)) process.stdout.write(`${renderTable(table)}\n`)
    } catch (error) {
      process.stdout.write(`### ${corpus.title}\n\nfailed: ${error instanceof Error ? error.message : error}\n\n`)
      process.exitCode = 1
    }
    clean()
  }
}

/** One corpus, or all whose names begin with it: `gateway`. */
function named(name: string): readonly Corpus[] {
  const one = corpora.filter((corpus) => corpus.name === name)
  return one.length > 0 ? one : corpora.filter((corpus) => corpus.name.startsWith(`${name}-`))
}

function fail(text: string): void {
  process.stderr.write(`${text}\n`)
  process.exitCode = 2
}
