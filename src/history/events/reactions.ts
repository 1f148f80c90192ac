/** What policies have yet to do for events: kept until it is done, so that neither a crash nor a registry that is down loses any. */

import type { ArtifactEvent } from '../../core/requests.ts'
import type { Database } from '../database/database.ts'
import { artifactOf } from './artifact.ts'
import { type EventRow, type EventWay, eventOf } from './events.ts'

/** One policy and one artifact. */
export interface Reaction {
  readonly id: number
  readonly event: ArtifactEvent
  readonly via: EventWay
  /** How often it was tried in vain. */
  readonly tries: number
  /** Another one after a newer event of the artifact: then what was done is not what is to be done. */
  readonly mark: number
}

export interface NewReaction {
  readonly policy: string
  readonly event: ArtifactEvent
  readonly via: EventWay
  /** Milliseconds since 1970. */
  readonly due: number
}

/** All times in milliseconds since 1970. */
export interface Reactions {
  /** Each replaces what its policy had yet to do for the same artifact. */
  add(reactions: readonly NewReaction[]): void
  /** Policies that have something to do, with the time of the first. */
  policies(): readonly { readonly policy: string; readonly due: number }[]
  /** Oldest first. */
  due(policy: string, now: number, limit: number): readonly Reaction[]
  /** Unless a newer event has replaced them. */
  done(reactions: readonly Reaction[]): void
  /** The same, to be done no earlier than `due`. */
  putOff(reactions: readonly Reaction[], due: number, tries: number): void
  /** What was tried in vain is due now. */
  hasten(policy: string, now: number): void
  /** Forgets all of a policy's; returns how many. */
  drop(policy: string): number
}

export function createReactions(database: Database): Reactions {
  return {
    add(added) {
      database.transaction(() => {
        for (const { policy, event, via, due } of added) {
          const { action, repository, tag = null, digest = null } = event
          const artifact = artifactOf({ repository, tag, digest })
          database.run(ADD, { policy, artifact, via, action, repository, tag, digest, due })
        }
      })
    },
    policies: () => database.all<{ policy: string; due: number }>(POLICIES),
    due: (policy, now, limit) =>
      database.all<ReactionRow>(DUE, { policy, now, limit }).map(({ id, via, tries, mark, ...row }) => ({
        id,
        via,
        tries,
        mark,
        event: eventOf(row),
      })),
    done(reactions) {
      database.transaction(() => {
        for (const { id, mark } of reactions) database.run(DONE, { id, mark })
      })
    },
    putOff(reactions, due, tries) {
      database.transaction(() => {
        for (const { id, mark } of reactions) database.run(PUT_OFF, { id, mark, due, tries })
      })
    },
    hasten: (policy, now) =>
      void database.run('UPDATE reactions SET due = @now WHERE policy = @policy AND tries > 0 AND due > @now', {
        policy,
        now,
      }),
    drop: (policy) => database.run('DELETE FROM reactions WHERE policy = @policy', { policy }),
  }
}

interface ReactionRow extends EventRow {
  readonly id: number
  readonly via: EventWay
  readonly tries: number
  readonly mark: number
}

/** One that a registry has told of stays one when polling finds it, too. */
const ADD = `
  INSERT INTO reactions (policy, artifact, via, action, repository, tag, digest, due, tries, mark)
  VALUES (@policy, @artifact, @via, @action, @repository, @tag, @digest, @due, 0, 0)
  ON CONFLICT (policy, artifact) DO UPDATE SET via = iif(via = 'event', via, excluded.via), action = excluded.action,
    digest = excluded.digest, due = excluded.due, tries = 0, mark = mark + 1`

const POLICIES = 'SELECT policy, min(due) AS due FROM reactions GROUP BY policy ORDER BY due'

const DUE = `
  SELECT id, via, tries, mark, action, repository, tag, digest FROM reactions
  WHERE policy = @policy AND due <= @now ORDER BY id LIMIT @limit`

const DONE = 'DELETE FROM reactions WHERE id = @id AND mark = @mark'

const PUT_OFF = 'UPDATE reactions SET due = @due, tries = @tries WHERE id = @id AND mark = @mark'
