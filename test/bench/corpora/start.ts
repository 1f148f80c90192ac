/** How long the program takes to begin and end. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { image } from '../../support/images.ts'
import { seed } from '../../support/seed.ts'
import { startServer } from '../../support/servers.ts'
import type { Corpus } from '../corpus.ts'
import { best, type Command, type Measured, measure, mebibytes, seconds } from '../measure.ts'
import { ENTRY, ours } from '../tools.ts'

export const start: Corpus = {
  name: 'start',
  title: 'Start to exit',
  async run(bench) {
    const source = await startServer('registry')
    const destination = await startServer('registry')
    const scratch = bench.directory()
    mkdirSync(join(scratch, 'home'), { recursive: true })
    try {
      await seed(source.url, 'bench/start', 'v1', image())
      const work = {
        source: source.host,
        destination: destination.host,
        repositories: [{ name: 'bench/start', tags: ['v1'] }],
      }
      const run = ours().command(work, scratch)
      if (!run) throw new Error('ours cannot run')
      const program = (...args: string[]): Command => ({ file: process.execPath, args: [ENTRY, ...args] })
      // Also makes the history that `executions list` reads.
      await measure(run, scratch)
      const commands: readonly (readonly [string, Command])[] = [
        ['node -e 0, for comparison', { file: process.execPath, args: ['-e', '0'] }],
        ['replicate --version', program('--version')],
        ['replicate --help', program('--help')],
        ['replicate executions list', program('executions', 'list', '--home', join(scratch, 'home'))],
        ['replicate run, one unchanged image', run],
      ]
      const rows: string[][] = []
      for (const [name, command] of commands) {
        const rounds: Measured[] = []
        for (let round = 0; round < Math.max(5, bench.rounds); round += 1) rounds.push(await measure(command, scratch))
        const result = best(rounds)
        const failed = result?.exitCode !== 0
        rows.push(
          failed
            ? [name, 'failed', '–', '–']
            : [name, seconds(result.wall), seconds(result.cpu), mebibytes(result.memory)],
        )
        if (failed) bench.say(`${name}: ${result?.said}`)
      }
      return [{ title: start.title, columns: ['command', 'wall', 'CPU', 'peak memory'], rows, notes: [] }]
    } finally {
      await Promise.all([source.stop(), destination.stop()])
    }
  },
}
