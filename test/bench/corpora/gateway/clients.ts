/** Many clients that pull one image at once, which the destination does not have yet. */

import { get } from 'node:http'
import type { Descriptor } from '../../../../src/core/descriptor.ts'
import { startServer } from '../../../support/servers.ts'
import { startChild } from '../../child.ts'
import type { Corpus } from '../../corpus.ts'
import { startDaemon } from '../../daemon.ts'
import { pushLarge } from '../../large.ts'
import { megabytes, processorTimeOf, seconds } from '../../measure.ts'
import type { ProxyFigures } from '../../proxy-process.ts'
import { configuration } from './configuration.ts'

const CLIENTS = 50
const LAYERS = 4
const MIB = 2 ** 20
const NAME = 'team/large'
/** Bytes a second of the slow one. */
const SLOW = 100_000

export const gatewayClients: Corpus = {
  name: 'gateway-clients',
  title: `${CLIENTS} clients that pull one image at once`,
  async run(bench) {
    const size = (bench.quick ? 16 : 125) * MIB
    const source = await startServer('registry')
    const counted = await startChild<ProxyFigures>('proxy-process.ts', { target: source.url })
    const rows: string[][] = []
    try {
      await pushLarge(source.url, NAME, 'v1', LAYERS, size)
      for (const hasSlow of [false, true]) {
        const destination = await startServer('registry')
        const daemon = await startDaemon(bench.directory(), configuration(counted, destination, '10m'))
        await counted.figures()
        const began = performance.now()
        const slow = hasSlow ? slowClient(`${daemon.url}/v2/${NAME}`) : undefined
        const pulls = await Promise.allSettled(
          Array.from({ length: CLIENTS }, () => pullAll(`${daemon.url}/v2/${NAME}`)),
        )
        const wall = (performance.now() - began) / 1000
        await daemon.heard(/(succeeded)/)
        const whole = (performance.now() - began) / 1000
        const { bytesDown } = await counted.figures()
        slow?.end()
        const failed = pulls.filter(({ status }) => status === 'rejected').length
        const title = hasSlow ? `${CLIENTS}, and one at ${SLOW / 1000} KB/s` : String(CLIENTS)
        const cpu = seconds(processorTimeOf(daemon.pid))
        rows.push([title, String(failed), megabytes(bytesDown), seconds(wall), seconds(whole), cpu])
        bench.say(`${title} clients: ${seconds(wall)}`)
        await daemon.stop()
        await destination.stop()
      }
    } finally {
      await counted.stop()
      await source.stop()
    }
    return [
      {
        title: `${(LAYERS * size) / MIB} MiB in ${LAYERS} layers, pulled by ${CLIENTS} clients at once for the first time`,
        columns: [
          'clients',
          'failed',
          'from the source',
          'until all have it',
          'until it is copied',
          'CPU of the gateway',
        ],
        rows,
        notes: [
          `the image has ${megabytes(LAYERS * size)}`,
          'the clients count what they get; all processes share this machine',
        ],
      },
    ]
  },
}

/** As a client does: the manifest, then all that it names at once. */
async function pullAll(base: string): Promise<void> {
  const blobs = await blobsOf(base)
  await Promise.all(
    blobs.map(async ({ digest, size }) => {
      let got = 0
      await pull(`${base}/blobs/${digest}`, (bytes) => {
        got += bytes.byteLength
      })
      if (got !== size) throw new Error(`${digest}: ${got} of ${size} bytes`)
    }),
  )
}

async function blobsOf(base: string): Promise<readonly Descriptor[]> {
  const parts: Buffer[] = []
  await pull(`${base}/manifests/v1`, (bytes) => parts.push(bytes))
  // The bench has pushed it.
  const { config, layers }: { config: Descriptor; layers: Descriptor[] } = JSON.parse(Buffer.concat(parts).toString())
  return [config, ...layers]
}

/** Reads the largest blob at its own pace, until it is ended. */
function slowClient(base: string): { end(): void } {
  const over = new AbortController()
  const read = async (): Promise<void> => {
    const layer = (await blobsOf(base)).at(-1)
    const response = await fetch(`${base}/blobs/${layer?.digest}`, { signal: over.signal })
    for await (const chunk of response.body ?? []) {
      await new Promise((resolve) => setTimeout(resolve, (chunk.byteLength / SLOW) * 1000))
    }
  }
  read().catch(() => {})
  return { end: () => over.abort() }
}

function pull(url: string, take: (bytes: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response.on('data', take)
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`${url}: ${response.statusCode}`))
      })
    }).once('error', reject)
  })
}
