/** How fast `serve` answers webhooks, while it rests and while it moves 32 blobs. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../child.ts'
import type { Corpus } from '../corpus.ts'
import type { RawCounts } from '../raw-http.ts'
import { ENTRY } from '../tools.ts'

const MIB = 2 ** 20
const BLOBS = 32
const SECRET = 'bench'
/** Deliveries a second. */
const RATE = 50

export const serve: Corpus = {
  name: 'serve',
  title: 'Webhooks answered by `serve`',
  async run(bench) {
    const size = (bench.quick ? 16 : 128) * MIB
    const source = await startChild<RawCounts>('synthetic-process.ts', { role: 'source', layers: BLOBS, size })
    const sink = await startChild<RawCounts>('synthetic-process.ts', { role: 'sink', layers: 0, size: 0 })
    const scratch = bench.directory()
    writeFileSync(
      join(scratch, 'serve.yaml'),
      `registries:
  source: { type: docker-registry, url: '${source.url}', hook_secret: "\${SECRET}" }
  sink: { type: docker-registry, url: '${sink.url}' }
policies:
  all: { source: { registry: source, namespaces: [bench] }, destination: sink, triggers: [{ event: [push] }] }
serve: { listen: '127.0.0.1:0' }
`,
    )
    const args = [ENTRY, 'serve', 'serve.yaml', '--home', join(scratch, 'home')]
    const env = { PATH: process.env.PATH, HOME: scratch, SECRET }
    const daemon = spawn(process.execPath, args, { cwd: scratch, env, stdio: ['ignore', 'ignore', 'pipe'] })
    const kill = (): void => void daemon.kill('SIGKILL')
    process.once('exit', kill)
    try {
      const url = await listening(daemon.stderr)
      const resting = await deliver(url, () => false, bench.quick ? 2000 : 10_000)
      await post(url, event('bench/0', 'v0', 0))
      const { bytesIn: none } = await sink.figures()
      while ((await sink.figures()).bytesIn === none) await sleep(10)
      const began = performance.now()
      const all = none + BLOBS * size
      let moved = 0
      const watching = (async () => {
        while (moved < all) {
          moved = (await sink.figures()).bytesIn
          await sleep(50)
        }
      })()
      const moving = await deliver(url, () => moved >= all, 120_000)
      await watching
      const rate = (BLOBS * size) / (performance.now() - began) / 1000 / 1.048576
      return [
        {
          title: serve.title,
          columns: ['', 'deliveries', 'p50', 'p99', 'longest'],
          rows: [
            ['at rest', ...figures(resting)],
            [`while ${BLOBS} blobs of ${size / MIB} MiB are moved`, ...figures(moving)],
          ],
          notes: [`${RATE} deliveries a second of one event each, at ${rate.toFixed(0)} MiB/s of blobs`],
        },
      ]
    } finally {
      kill()
      process.off('exit', kill)
      await Promise.all([source.stop(), sink.stop()])
    }
  },
}

async function listening(stderr: NodeJS.ReadableStream): Promise<string> {
  let said = ''
  for (;;) {
    const [chunk]: unknown[] = await once(stderr, 'data')
    said += String(chunk)
    const url = /listening on (http:\S+)/.exec(said)?.[1]
    if (url === undefined) continue
    // Nothing more is read of it, but it must not fill a pipe.
    stderr.resume()
    return url
  }
}

let deliveries = 0

/** Nothing is to be done for a repository that no policy selects, but its event is stored like any other. */
async function deliver(url: string, isOver: () => boolean, longest: number): Promise<readonly number[]> {
  const answered: number[] = []
  const open = new Set<Promise<void>>()
  const began = performance.now()
  for (let index = 0; !isOver() && performance.now() - began < longest; index += 1) {
    const due = began + (index * 1000) / RATE
    await sleep(Math.max(0, due - performance.now()))
    deliveries += 1
    const one = post(url, event('elsewhere/app', `v${deliveries}`, deliveries)).then((took) => void answered.push(took))
    open.add(one)
    void one.finally(() => open.delete(one))
  }
  await Promise.all(open)
  return answered
}

function event(repository: string, tag: string, id: number): object {
  const target = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${id.toString(16).padStart(64, '0')}`,
    repository,
    tag,
  }
  return { events: [{ id: `bench-${id}`, timestamp: new Date().toISOString(), action: 'push', target }] }
}

const agent = new Agent({ keepAlive: true })

/** Milliseconds until it was answered. */
async function post(url: string, body: object): Promise<number> {
  const began = performance.now()
  const headers = {
    'content-type': 'application/vnd.docker.distribution.events.v2+json',
    authorization: `Bearer ${SECRET}`,
  }
  const sent = request(`${url}/hooks/source`, { method: 'POST', agent, headers })
  sent.end(JSON.stringify(body))
  const [response] = await once(sent, 'response')
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 202) throw new Error(`a webhook was answered with ${response.statusCode}`)
  return performance.now() - began
}

function figures(times: readonly number[]): readonly string[] {
  const sorted = times.toSorted((one, other) => one - other)
  const at = (share: number): string => `${(sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(1)} ms`
  return [String(times.length), at(0.5), at(0.99), at(1)]
}
