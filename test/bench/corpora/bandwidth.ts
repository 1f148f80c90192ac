/** What a limit of 20 MiB/s over 8 streams lets through, as the destination counts it. */

import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../child.ts'
import type { Corpus } from '../corpus.ts'
import { measure } from '../measure.ts'
import type { RawCounts } from '../raw-http.ts'
import { ours } from '../tools.ts'

const MIB = 2 ** 20
const LIMIT = 20 * MIB
/** Milliseconds from the first byte to the first look, in which bursts show too. */
const LEAD = 500

export const bandwidth: Corpus = {
  name: 'bandwidth',
  title: 'Bandwidth of 20 MiB/s over 8 streams',
  async run(bench) {
    const window = bench.quick ? 3000 : 10_000
    const source = await startChild<RawCounts>('synthetic-process.ts', { role: 'source', layers: 8, size: 40 * MIB })
    const sink = await startChild<RawCounts>('synthetic-process.ts', { role: 'sink' })
    const stop = new AbortController()
    try {
      const scratch = bench.directory()
      const repositories = [{ name: 'bench/0', tags: ['v0'] }]
      const command = ours().command({ source: source.host, destination: sink.host, repositories }, scratch)
      if (!command) throw new Error('ours cannot run')
      const running = measure({ ...command, args: [...command.args, '--bandwidth', '20MiB/s'] }, scratch, stop.signal)
      while ((await sink.figures()).bytesIn < MIB) await sleep(10)
      await sleep(LEAD)
      const [before, began] = [(await sink.figures()).bytesIn, performance.now()]
      await sleep(window)
      const [after, ended] = [(await sink.figures()).bytesIn, performance.now()]
      stop.abort()
      await running
      const rate = ((after - before) * 1000) / (ended - began)
      const row = [
        `${(window / 1000).toFixed(0)} s`,
        `${(rate / MIB).toFixed(2)} MiB/s`,
        `${(((rate - LIMIT) / LIMIT) * 100).toFixed(1)} %`,
      ]
      return [{ title: bandwidth.title, columns: ['window', 'measured', 'off by'], rows: [row], notes: [] }]
    } finally {
      await Promise.all([source.stop(), sink.stop()])
    }
  },
}
