/** How fast a large history answers: ten thousand executions with a million tasks and their log lines. */

import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { openHistory } from '../../../src/history/history.ts'
import type { Corpus } from '../corpus.ts'
import { best, type Command, type Measured, measure, mebibytes, seconds } from '../measure.ts'
import { ENTRY } from '../tools.ts'

export const history: Corpus = {
  name: 'history',
  title: 'A large history: whole commands',
  async run(bench) {
    const scratch = bench.directory()
    const home = join(scratch, 'home')
    const size = bench.quick ? { executions: 1000, tasks: 100_000 } : { executions: 10_000, tasks: 1_000_000 }
    bench.say(`making ${size.executions} executions with ${size.tasks} tasks`)
    const made = await makeHistory(home, size)
    const ids = [
      ['list'],
      ['list', '--limit', '1000'],
      ['list', '--policy', 'policy-1', '--status', 'failed'],
      ['show', 'last'],
      ['show', 'last:policy-3'],
      ['logs', 'last'],
      ['logs', String(made.large), String(made.task)],
      ['show', String(made.large), '--failed'],
      ['show', String(made.large)],
      ['logs', String(made.large)],
    ]
    const rows: string[][] = []
    for (const args of ids) {
      const command: Command = { file: process.execPath, args: [ENTRY, 'executions', ...args, '--home', home] }
      const rounds: Measured[] = []
      for (let round = 0; round < Math.max(3, bench.rounds); round += 1) rounds.push(await measure(command, scratch))
      const result = best(rounds)
      if (result?.exitCode !== 0) bench.say(`${args.join(' ')}: ${result?.said}`)
      rows.push([
        `executions ${args.join(' ')}`,
        seconds(result?.wall),
        seconds(result?.cpu),
        mebibytes(result?.memory),
      ])
    }
    return [
      {
        title: `${history.title}, of ${size.executions} executions and ${size.tasks} tasks`,
        columns: ['command', 'wall', 'CPU', 'peak memory'],
        rows,
        notes: [
          `the history is a file of ${mebibytes(statSync(join(home, 'history.db')).size)}`,
          `execution ${made.large} has ${size.tasks / 10} tasks and twice as many log lines`,
        ],
      },
    ]
  },
}

/** In `directory`; a tenth of the tasks belong to one execution in the middle. */
export async function makeHistory(
  directory: string,
  { executions, tasks }: { readonly executions: number; readonly tasks: number },
): Promise<{ readonly large: number; readonly task: number }> {
  mkdirSync(directory, { recursive: true })
  const opened = await openHistory(directory)
  const file = opened.file
  opened.close()
  const database = new Sqlite(file)
  const large = executions / 2
  const some = Math.floor((tasks * 0.9) / (executions - 1))
  database.pragma('synchronous = OFF')
  const make = (sql: string, parameters: Readonly<Record<string, string | number>>): void =>
    void database.prepare(sql).run(parameters)
  const begun = Date.parse('2026-01-01T00:00:00Z')
  database.exec('BEGIN')
  make(POLICIES, {})
  make(EXECUTIONS, { executions, begun, snapshot: JSON.stringify(SNAPSHOT) })
  make(TASKS, { executions, large, some, many: tasks / 10, begun, digest: 'a'.repeat(64) })
  make(LINES, { begun })
  database.exec('COMMIT')
  database.pragma('wal_checkpoint(TRUNCATE)')
  const task = database.prepare('SELECT max(id) FROM tasks WHERE execution_id = ?').pluck().get(large)
  database.close()
  return { large, task: Number(task) }
}

const SNAPSHOT = {
  name: 'policy',
  source: { registry: 'hub' },
  destination: { registry: 'harbor', namespace: 'mirror' },
  also: [],
  filters: { name: Array.from({ length: 20 }, (_, index) => `library/repository-${index}`), tag: ['3.*', 'v*'] },
}

const POLICIES = `
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
  INSERT INTO policies (id, name) SELECT i, 'policy-' || i FROM n`

/** One each quarter of an hour; a tenth of them failed. */
const EXECUTIONS = `
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @executions)
  INSERT INTO executions (id, policy_id, snapshot, trigger_kind, status, unchanged, start_time, end_time, exit_code)
  SELECT i, i % 20 + 1, @snapshot, 'schedule', iif(i % 10 = 0, 'failed', 'succeeded'), 58, @begun + i * 900000,
    @begun + i * 900000 + 60000, iif(i % 10 = 0, 1, 0) FROM n`

const TASKS = `
  WITH RECURSIVE n(e, i) AS (
    SELECT 1, 1 UNION ALL
    SELECT iif(i < iif(e = @large, @many, @some), e, e + 1), iif(i < iif(e = @large, @many, @some), i + 1, 1) FROM n
    WHERE e < @executions OR i < @some
  )
  INSERT INTO tasks (execution_id, spec, status, attempts, bytes_copied, start_time, end_time, error)
  SELECT e, json_object('action', 'copy', 'resource_type', 'image',
      'source', json_object('registry', 'hub', 'repository', 'library/repository-' || (i % 20), 'tag', 'v1.' || i),
      'destination', json_object('registry', 'harbor', 'repository', 'mirror/library/repository-' || (i % 20), 'tag', 'v1.' || i),
      'digest', 'sha256:' || @digest, 'media_type', 'application/vnd.oci.image.index.v1+json', 'size', 1609),
    iif(e % 10 = 0 AND i % 30 = 0, 'failed', 'succeeded'), 1, 3500000, @begun + e * 900000, @begun + e * 900000 + i,
    iif(e % 10 = 0 AND i % 30 = 0, '{"code":"registry","message":"destination harbor: refused the manifest: 412"}', NULL)
  FROM n`

/** Of each execution what its stages say, and of the large one two lines for each task. */
const LINES = `
  INSERT INTO logs (execution_id, task_id, level, text, time)
  SELECT id, NULL, 'info', 'prepare ended: 2 registries reachable · 20 repositories, 148 tags listed', start_time FROM executions
  UNION ALL
  SELECT execution_id, id, 'info', 'copied 3500000 bytes in 4 blobs, attempt ' || attempts, end_time FROM tasks
  WHERE execution_id = (SELECT id FROM executions ORDER BY pending + running + succeed + failed DESC LIMIT 1)
  UNION ALL
  SELECT execution_id, id, 'info', 'verified', end_time FROM tasks
  WHERE execution_id = (SELECT id FROM executions ORDER BY pending + running + succeed + failed DESC LIMIT 1)`
