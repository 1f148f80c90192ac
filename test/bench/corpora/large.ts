/** 1 GiB in four layers between two real registries, without a proxy: wall time, processor time and memory. */

import { startServer } from '../../support/servers.ts'
import { makeCertificate } from '../certificate.ts'
import type { Bench, Corpus, Table } from '../corpus.ts'
import { pushLarge } from '../large.ts'
import { best, type Measured, measure, mebibytes, seconds } from '../measure.ts'
import { ratioNotes } from '../ratio.ts'
import { barePipe, ours, type Tool } from '../tools.ts'

const LAYERS = 4
const MIB = 2 ** 20

export const large: Corpus = {
  name: 'large',
  title: '1 GiB in 4 layers, plain HTTP',
  run: async (bench) => [await compare(bench, undefined)],
}

export const largeTls: Corpus = {
  name: 'large-tls',
  title: '1 GiB in 4 layers, TLS on both sides',
  async run(bench) {
    const tls = makeCertificate(bench.directory())
    if (!tls) throw new Error('openssl is not installed: no certificate, no TLS')
    return [await compare(bench, tls)]
  },
}

async function compare(bench: Bench, tls: { readonly cert: string; readonly key: string } | undefined): Promise<Table> {
  const size = bench.quick ? 32 * MIB : 256 * MIB
  const options = tls ? { tls } : {}
  const source = await startServer('registry', options)
  const mine = [...bench.tools.slice(0, 1), ours('replicate, verify: off', { verify: 'off' })]
  const tools = [...mine, barePipe(true), barePipe(false), ...bench.tools.slice(1)]
  const measured = new Map<Tool, Measured[]>()
  try {
    bench.say('pushing the image')
    await pushLarge(source.url, 'bench/large', 'v1', LAYERS, size)
    for (let round = 1; round <= bench.rounds; round += 1) {
      for (const tool of tools) {
        const destination = await startServer('registry', options)
        const scratch = bench.directory()
        const repositories = [{ name: 'bench/large', tags: ['v1'] }]
        const work = { source: source.host, destination: destination.host, repositories, ca: tls?.cert }
        const command = tool.command(work, scratch)
        if (command) {
          const ran = await measure({ ...command, env: { ...command.env, ...trust(tls?.cert) } }, scratch)
          bench.say(`${tool.name}, round ${round}: ${seconds(ran.wall)}${ran.exitCode === 0 ? '' : ` ${ran.said}`}`)
          measured.set(tool, [...(measured.get(tool) ?? []), ran])
        }
        await destination.stop()
      }
    }
  } finally {
    await source.stop()
  }
  const results = [...measured].map(([tool, rounds]) => ({ tool, result: best(rounds) }))
  return {
    title: `${(LAYERS * size) / MIB} MiB in ${LAYERS} layers, ${tls ? 'TLS on both sides' : 'plain HTTP'}`,
    columns: ['tool', 'hashes', 'wall', 'CPU', 'peak memory'],
    rows: results.map(({ tool, result }) => [
      tool.name,
      tool.hashes ? 'yes' : 'no',
      ...(result?.exitCode !== 0
        ? ['failed', '–', '–']
        : [seconds(result.wall), seconds(result.cpu), mebibytes(result.memory)]),
    ]),
    notes: ratioNotes(results, true),
  }
}

/** For those that are written in Go. */
function trust(ca: string | undefined): Readonly<Record<string, string>> {
  return ca === undefined ? {} : { SSL_CERT_FILE: ca }
}
