/** What the last look at the source of a polled policy saw, so that the next one tells what has changed since; it outlives the process. */

import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'

/** The snapshot of a policy, as it was when it was opened. */
export interface Poll {
  readonly id: number
  /** The first snapshot has been taken: what differs from it is news. */
  readonly isWhole: boolean
}

export interface PollChange {
  readonly repository: string
  /** A tag, or the digest of an artifact without one. */
  readonly name: string
  /** Absent: it is gone. */
  readonly digest?: Digest
}

export interface Polls {
  /** Begins anew where the policy selects something else than before. */
  open(policy: string, selection: string): Poll
  /** Forgets the snapshots of all other policies. */
  keepOnly(policies: readonly string[]): void
  repositories(poll: number): readonly string[]
  /** By name. */
  snapshot(poll: number, repository: string): ReadonlyMap<string, Digest>
  /** All of them or none. */
  change(poll: number, changes: readonly PollChange[]): void
  /** The first snapshot has been taken. */
  isWhole(poll: number): void
  /** Whether a run of everything has yet to be made: news is only what came after the first snapshot. True from the beginning. */
  isOwed(poll: number): boolean
  owed(poll: number, is: boolean): void
}

export function createPolls(database: Database): Polls {
  return {
    open: (policy, selection) =>
      database.transaction(() => {
        database.run('DELETE FROM polls WHERE policy = @policy AND selection <> @selection', { policy, selection })
        database.run('INSERT INTO polls (policy, selection) VALUES (@policy, @selection) ON CONFLICT DO NOTHING', {
          policy,
          selection,
        })
        const row = database.get<Row>('SELECT id, whole FROM polls WHERE policy = @policy', { policy })
        return { id: row?.id ?? 0, isWhole: row?.whole === 1 }
      }),
    keepOnly: (policies) =>
      void database.run('DELETE FROM polls WHERE policy NOT IN (SELECT value FROM json_each(@policies))', {
        policies: JSON.stringify(policies),
      }),
    repositories: (poll) =>
      database
        .all<{ repository: string }>('SELECT DISTINCT repository FROM polled WHERE poll_id = @poll', { poll })
        .map(({ repository }) => repository),
    snapshot(poll, repository) {
      const rows = database.all<{ name: string; digest: string }>(
        'SELECT name, digest FROM polled WHERE poll_id = @poll AND repository = @repository',
        { poll, repository },
      )
      return new Map(rows.flatMap(({ name, digest }) => pair(name, parseDigest(digest))))
    },
    change(poll, changes) {
      database.transaction(() => {
        for (const { repository, name, digest } of changes) {
          const at = { poll, repository, name }
          if (digest === undefined) database.run(REMOVE, at)
          else database.run(SET, { ...at, digest })
        }
      })
    },
    isWhole: (poll) => void database.run('UPDATE polls SET whole = 1 WHERE id = @poll', { poll }),
    isOwed: (poll) => database.get('SELECT 1 FROM polls WHERE id = @poll AND owed = 1', { poll }) !== undefined,
    owed: (poll, is) => void database.run('UPDATE polls SET owed = @is WHERE id = @poll', { poll, is: Number(is) }),
  }
}

interface Row {
  readonly id: number
  readonly whole: number
}

function pair(name: string, digest: Digest | undefined): readonly (readonly [string, Digest])[] {
  return digest === undefined ? [] : [[name, digest]]
}

const REMOVE = 'DELETE FROM polled WHERE poll_id = @poll AND repository = @repository AND name = @name'

const SET = `
  INSERT INTO polled (poll_id, repository, name, digest) VALUES (@poll, @repository, @name, @digest)
  ON CONFLICT DO UPDATE SET digest = excluded.digest`
