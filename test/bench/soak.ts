/** `node test/bench/soak.ts [--minutes 60] [--tags 10000] [--poll 1m]`: `replicate serve` polls, and prints each minute what it holds. */

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    tags: { type: 'string', default: '10000' },
    poll: { type: 'string', default: '1m' },
    program: { type: 'string', default: join(import.meta.dirname, '../../bin/replicate.js') },
  },
})
const REPOSITORIES = 20
/** Minutes between two tags that are pushed. */
const PUSHED_EACH = 5

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-soak-'))
  const [source, destination] = await Promise.all([startMemoryRegistry(), startMemoryRegistry()])
  const base = image({ seed: 'base', layers: 1 })
  for (let tag = 0; tag < Number(values.tags); tag += 1) {
    source.add(`app/${tag % REPOSITORIES}`, image({ seed: tag, layers: 1, size: 100 }), `v${tag}`)
  }
  writeFileSync(
    join(directory, 'soak.yaml'),
    `registries:
  from: { type: docker-registry, url: "${source.url}" }
  to: { type: docker-registry, url: "${destination.url}" }
policies:
  soak: { source: from, destination: to, deletion: events, triggers: [{ poll: ${values.poll} }] }
serve: { listen: 127.0.0.1:0, history: { keep: 20 } }
`,
  )
  const home = join(directory, 'home')
  const program = spawn(process.execPath, [values.program, '--home', home, 'serve', 'soak.yaml'], {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const stop = (): void => {
    program.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', stop)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  process.stdout.write(
    '| minute | requests | RSS MiB | handles | database KiB | destination tags |\n|---:|---:|---:|---:|---:|---:|\n',
  )
  let requests = 0
  for (let minute = 1; minute <= Number(values.minutes) && program.exitCode === null; minute += 1) {
    for (let second = 0; second < 60; second += 1) {
      await wait(1000)
      requests += source.requests.splice(0).length
      destination.requests.length = 0
    }
    const row = [minute, requests, memoryOf(program.pid), handlesOf(program.pid), sizeOf(home), tagsOf(destination)]
    process.stdout.write(`| ${row.join(' | ')} |\n`)
    if (minute % PUSHED_EACH === 0) source.add('app/0', base, `pushed-${minute}`)
  }
  process.exit(0)
}

function memoryOf(pid: number | undefined): string {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (Number(kib) / 1024).toFixed(1)
}

function handlesOf(pid: number | undefined): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** With what SQLite has beside the file. */
function sizeOf(home: string): string {
  const files = readdirSync(home).filter((name) => name.startsWith('history.db'))
  const size = (name: string): number => statSync(join(home, name)).size
  return files
    .map((name) => `${Math.round(size(name) / 1024)}${name.endsWith('.db') ? '' : ` ${name.slice(11)}`}`)
    .join(' + ')
}

function tagsOf({ repositories }: Awaited<ReturnType<typeof startMemoryRegistry>>): number {
  return [...repositories.values()].reduce((sum, { tags }) => sum + tags.size, 0)
}
