/** How soon `replicate serve` answers webhooks, while it has nothing to do and while it moves large blobs. */

import { startChild } from '../child.ts'
import type { Corpus } from '../corpus.ts'
import { startDaemon } from '../daemon.ts'
import type { RawCounts } from '../raw-http.ts'

const MIB = 2 ** 20
const LAYERS = 32

export const hooks: Corpus = {
  name: 'hooks',
  title: 'Webhooks, answered while blobs move',
  async run(bench) {
    const size = bench.quick ? 32 * MIB : 256 * MIB
    const [source, sink] = await Promise.all([
      startChild<RawCounts>('synthetic-process.ts', { role: 'source', layers: LAYERS, size }),
      startChild<RawCounts>('synthetic-process.ts', { role: 'sink' }),
    ])
    const daemon = await startDaemon(
      bench.directory(),
      `registries:
  from: { type: docker-registry, url: "${source.url}", hook_secret: none }
  to: { type: docker-registry, url: "${sink.url}" }
policies:
  follow:
    source: from/bench/*
    destination: to/bench
    triggers: [{ event: [push] }]
serve: { listen: "127.0.0.1:0", settle: 100ms }
`,
    )
    const { heard } = daemon
    try {
      const hook = `${daemon.url}/hooks/from`
      const idle = await latencies(hook, (count) => count >= 1000)
      await post(hook, 'bench/0', 'v0', 'start')
      const id = await heard(/execution (\d+) +follow +started/)
      let ended = false
      const end = heard(new RegExp(`execution ${id} +follow +(succeeded|failed)`)).then((status) => {
        ended = true
        if (status !== 'succeeded') throw new Error('the execution failed')
      })
      const busy = await latencies(hook, () => ended)
      await end
      const row = (what: string, times: readonly number[]): readonly string[] => [
        what,
        `${times.length}`,
        ...[0.5, 0.99, 1].map((part) => `${(times[Math.ceil(part * times.length) - 1] ?? 0).toFixed(1)} ms`),
      ]
      return [
        {
          title: hooks.title,
          columns: ['meanwhile', 'deliveries', 'median', 'p99', 'longest'],
          rows: [row('nothing', idle), row(`${LAYERS} × ${size / MIB} MiB move`, busy)],
          notes: ['each delivery has an event of its own, and is in the history before it is answered'],
        },
      ]
    } finally {
      await Promise.all([daemon.stop(), source.stop(), sink.stop()])
    }
  },
}

/** Of deliveries one after the other, sorted. */
async function latencies(hook: string, isEnough: (count: number) => boolean): Promise<readonly number[]> {
  const times: number[] = []
  while (!isEnough(times.length)) {
    const began = performance.now()
    // Nothing follows from it: no policy copies that.
    await post(hook, 'other/app', `v${times.length}`, crypto.randomUUID())
    times.push(performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return times.sort((one, other) => one - other)
}

async function post(hook: string, repository: string, tag: string, id: string): Promise<void> {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const target = { mediaType, repository, tag, digest: `sha256:${'a'.repeat(64)}` }
  const event = { id, timestamp: new Date().toISOString(), action: 'push', target }
  const answer = await fetch(hook, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.docker.distribution.events.v2+json' },
    body: JSON.stringify({ events: [event] }),
  })
  if (answer.status !== 202) throw new Error(`a webhook was answered ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}
