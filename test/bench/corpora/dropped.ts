/** Bytes that one server makes and another drops: what the program itself can carry, without disks and without their hashes. */

import { type Child, startChild } from '../child.ts'
import type { Bench, Corpus } from '../corpus.ts'
import { best, type Measured, measure, mebibytes, seconds } from '../measure.ts'
import type { RawCounts } from '../raw-http.ts'
import { ours, type Tool } from '../tools.ts'

const MIB = 2 ** 20

export const dropped: Corpus = {
  name: 'dropped',
  title: 'Bytes made and dropped: 4 blobs of 512 MiB between two servers without disks',
  async run(bench) {
    const [layers, size] = [4, bench.quick ? 64 * MIB : 512 * MIB]
    const tools = [
      ...bench.tools.slice(0, 1),
      ours('replicate, verify: off', { verify: 'off' }),
      ...bench.tools.slice(1),
    ]
    const measured = new Map<Tool, Measured[]>()
    const source = await startChild<RawCounts>('synthetic-process.ts', { role: 'source', layers, size })
    for (let round = 0; round < bench.rounds; round += 1) {
      for (const tool of tools) {
        const ran = await copyOnce(tool, source, bench)
        if (ran) measured.set(tool, [...(measured.get(tool) ?? []), ran])
      }
    }
    await source.stop()
    return [
      {
        title: `${layers} × ${size / MIB} MiB made and dropped`,
        columns: ['tool', 'hashes', 'GiB/s', 'wall', 'CPU', 'peak memory'],
        rows: [...measured].map(([tool, rounds]) => {
          const result = best(rounds)
          if (result?.exitCode !== 0) return [tool.name, tool.hashes ? 'yes' : 'no', 'failed', '–', '–', '–']
          const rate = ((layers * size) / 2 ** 30 / result.wall).toFixed(2)
          const { wall, cpu, memory } = result
          return [tool.name, tool.hashes ? 'yes' : 'no', rate, seconds(wall), seconds(cpu), mebibytes(memory)]
        }),
        notes: ['the rate is of the whole call, from start to exit'],
      },
    ]
  },
}

export const memory: Corpus = {
  name: 'memory',
  title: 'Peak memory by the size of blobs',
  async run(bench) {
    const rows: string[][] = []
    for (const [layers, size] of [
      [8, MIB],
      [8, 1024 * MIB],
      [1, 10 * 1024 * MIB],
    ] as const) {
      const bytes = bench.quick ? Math.max(MIB, size / 16) : size
      const source = await startChild<RawCounts>('synthetic-process.ts', { role: 'source', layers, size: bytes })
      for (const tool of bench.tools.filter((candidate) => candidate.ours)) {
        const ran = await copyOnce(tool, source, bench)
        if (!ran) continue
        rows.push([
          `${layers} × ${bytes / MIB} MiB`,
          tool.name,
          mebibytes(ran.memory),
          seconds(ran.wall),
          seconds(ran.cpu),
        ])
      }
      await source.stop()
    }
    return [{ title: memory.title, columns: ['blobs', 'tool', 'peak memory', 'wall', 'CPU'], rows, notes: [] }]
  },
}

/** A copy of the whole image into a sink that has nothing yet. */
async function copyOnce(tool: Tool, source: Child<RawCounts>, bench: Bench): Promise<Measured | undefined> {
  const scratch = bench.directory()
  const sink = await startChild<RawCounts>('synthetic-process.ts', { role: 'sink' })
  try {
    const repositories = [{ name: 'bench/0', tags: ['v0'] }]
    const command = tool.command({ source: source.host, destination: sink.host, repositories }, scratch)
    if (!command) return undefined
    const ran = await measure(command, scratch)
    bench.say(`${tool.name}: ${seconds(ran.wall)}, ${mebibytes(ran.memory)}${ran.exitCode === 0 ? '' : ` ${ran.said}`}`)
    return ran
  } finally {
    await sink.stop()
  }
}
