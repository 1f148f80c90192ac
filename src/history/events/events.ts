/** Events of registries: kept before they are acknowledged, so that a crash loses none, and each delivery once. */

import type { RegistryEvent } from '../../core/adapter.ts'
import type { Digest } from '../../core/descriptor.ts'
import { HistoryError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import type { EventKind } from '../../core/policy.ts'
import type { ArtifactEvent } from '../../core/requests.ts'
import type { Database } from '../database/database.ts'
import { formatTime } from '../database/sql.ts'
import { artifactOf } from './artifact.ts'

/** How a registry's news came: it was told, or a look at the registry showed it. */
export type EventWay = 'event' | 'poll'

/** Where events come from. */
export interface EventOrigin {
  /** The registry's name in the configuration. */
  readonly registry: string
  /** Its URL or path: under another one it is another registry. */
  readonly address: string
  readonly via: EventWay
  /** The only policy that they are for. */
  readonly policy?: string
  /** Milliseconds since 1970. */
  readonly received: number
}

/** The last event of an artifact, for all those that came shortly before it. */
export interface SettledEvent extends ArtifactEvent, Omit<EventOrigin, 'received'> {
  readonly id: number
  readonly artifact: string
}

/** An event as it is shown. */
export interface ShownEvent extends ArtifactEvent {
  readonly id: number
  readonly registry: string
  readonly via: EventWay
  /** RFC 3339, UTC. */
  readonly received: string
  /** `received`: it waits for others of its artifact; `taken`: a policy acts on it; `passed`: no policy does. */
  readonly state: EventState
}

export type EventState = 'received' | 'taken' | 'passed'

/** In milliseconds. */
export interface SettleTimes {
  /** An artifact has settled after so long without an event, counted from the time that its registry tells: what comes late waits less.
   *  As clocks differ, that counts from its arrival back to this long before it. */
  readonly settle: number
  /** The same for one that was pushed without a tag: mostly it is a part of what is pushed with a tag next. */
  readonly bare: number
  /** And so long after its first event even if they never end. */
  readonly longest: number
}

export interface EventRecords {
  /** Keeps those that are new, all or none, and returns how many. One that has come before is not new: it has the same delivery, or it is the
   *  artifact's last event and says the same of the same time. Throws a `HistoryError` where too many wait. */
  add(events: readonly RegistryEvent[], origin: EventOrigin): number
  /** Artifacts that have settled, each as its last event, in the order of those; about 1000 at most. What polling has found settles at once,
   *  and what was pushed without a tag no later than a tag that was pushed into its repository after it. */
  settled(now: number, times: SettleTimes): readonly SettledEvent[]
  /** When the first artifact of those that wait settles, in milliseconds since 1970. */
  nextSettled(times: SettleTimes): number | undefined
  /** These, and earlier ones of their artifacts, no longer wait. */
  close(events: readonly SettledEvent[], state: Exclude<EventState, 'received'>): void
  /** True where the artifact was pushed since a time, in milliseconds since 1970. */
  pushedSince(registry: string, artifact: string, since: number): boolean
  /** Newest first. */
  list(limit: number): readonly ShownEvent[]
  /** How many wait for others of their artifact, or for a policy. */
  waiting(): number
  /** Forgets those that no longer wait, received before a time or beyond the newest 100,000. */
  forget(before: number): void
}

/** Events and reactions that may wait at once. */
const MOST_WAITING = 100_000
/** Kept to know deliveries that come again. */
const MOST_KEPT = 100_000
/** Events between two counts of those that wait. */
const COUNTED_EACH = 1000

export function createEventRecords(database: Database): EventRecords {
  /** How many more may be added before those that wait are counted again. */
  let room = 0

  function waiting(): number {
    return database.get<{ count: number }>(WAITING)?.count ?? 0
  }

  function checkRoom(more: number): void {
    if (more > room) {
      const count = waiting()
      if (count + more > MOST_WAITING) {
        throw new HistoryError(`${plural(count, 'event')} wait to be acted on: no more are taken`, {
          hint: 'see `replicate executions list` for what keeps their policies',
        })
      }
      room = Math.max(more, Math.min(COUNTED_EACH, MOST_WAITING - count))
    }
    room -= more
  }

  return {
    add: (events, { registry, address, via, policy = '', received }) =>
      database.transaction(() => {
        checkRoom(events.length)
        let added = 0
        for (const { action, repository, tag = null, digest = null, time, id: delivery = null } of events) {
          const artifact = artifactOf({ repository, tag, digest })
          const at = time?.getTime() ?? null
          const last =
            delivery === null && at !== null ? database.get<LastRow>(LAST, { registry, artifact }) : undefined
          if (last && last.action === action && last.digest === digest && last.time === at) continue
          added += database.run(ADD, {
            registry,
            address,
            via,
            policy,
            delivery,
            action,
            artifact,
            repository,
            tag,
            digest,
            time: at,
            received,
          })
        }
        return added
      }),
    settled(now, times) {
      const rows = database.all<SettledRow>(SETTLED, { now, ...times })
      const found = new Map(rows.map((row) => [row.id, row]))
      // The last tag of a repository brings what was pushed before it.
      const pushes = rows.filter(({ action, tag }) => action === 'push' && tag !== null)
      for (const { registry, policy, repository, id } of new Map(pushes.map((row) => [placeOf(row), row])).values()) {
        const place = { registry, policy, from: `${repository}@`, to: `${repository}A`, id }
        for (const row of database.all<SettledRow>(BESIDE, place)) found.set(row.id, row)
      }
      return [...found.values()].map(settledOf)
    },
    nextSettled(times) {
      const row = database.get<{ next: number | null }>(NEXT, { ...times })
      return row?.next ?? undefined
    },
    close(events, state) {
      database.transaction(() => {
        for (const { registry, policy = '', artifact, id } of events) {
          database.run(CLOSE, { registry, policy, artifact, id, state })
        }
      })
    },
    pushedSince: (registry, artifact, since) => database.get(PUSHED, { registry, artifact, since }) !== undefined,
    list: (limit) =>
      database.all<ShownRow>(LIST, { limit }).map(({ id, registry, via, state, received, ...row }) => ({
        ...eventOf(row),
        id,
        registry,
        via,
        state,
        received: formatTime(received),
      })),
    waiting,
    forget(before) {
      database.run(FORGET, { before, kept: MOST_KEPT })
    },
  }
}

export interface EventRow {
  readonly action: EventKind
  readonly repository: string
  readonly tag: string | null
  readonly digest: Digest | null
}

export function eventOf({ action, repository, tag, digest }: EventRow): ArtifactEvent {
  return { action, repository, ...(tag === null ? {} : { tag }), ...(digest === null ? {} : { digest }) }
}

interface SettledRow extends EventRow {
  readonly id: number
  readonly registry: string
  readonly address: string
  readonly via: EventWay
  readonly policy: string
  readonly artifact: string
}

function settledOf({ id, registry, address, via, policy, artifact, ...row }: SettledRow): SettledEvent {
  return { ...eventOf(row), id, registry, address, via, artifact, ...(policy === '' ? {} : { policy }) }
}

function placeOf({ registry, policy, repository }: SettledRow): string {
  return JSON.stringify([registry, policy, repository])
}

interface LastRow {
  readonly action: EventKind
  readonly digest: string | null
  readonly time: number | null
}

interface ShownRow extends EventRow {
  readonly id: number
  readonly registry: string
  readonly via: EventWay
  readonly state: EventState
  readonly received: number
}

const WAITING = `
  SELECT (SELECT count(*) FROM events WHERE state = 'received') + (SELECT count(*) FROM reactions) AS count`

const LAST = `
  SELECT action, digest, time FROM events WHERE registry = @registry AND artifact = @artifact ORDER BY id DESC LIMIT 1`

const ADD = `
  INSERT INTO events (registry, address, via, policy, delivery, action, artifact, repository, tag, digest, time, received, state)
  VALUES (@registry, @address, @via, @policy, @delivery, @action, @artifact, @repository, @tag, @digest, @time, @received, 'received')
  ON CONFLICT DO NOTHING`

const ARTIFACTS = `
  SELECT max(id) AS id, min(received) AS first, max(min(received, max(coalesce(time, received), received - @settle))) AS last,
    max(received) AS received FROM events WHERE state = 'received'
  GROUP BY registry, policy, artifact`

const IS_BARE = `action = 'push' AND tag IS NULL AND digest IS NOT NULL`

const COLUMNS = 'events.id, registry, address, via, policy, artifact, action, repository, tag, digest'

/** A time that is still to come: the clock was put back. */
const SETTLED = `
  SELECT ${COLUMNS} FROM (${ARTIFACTS}) AS artifacts JOIN events ON events.id = artifacts.id
  WHERE via = 'poll' OR last <= @now - iif(${IS_BARE}, @bare, @settle) OR first <= @now - @longest OR artifacts.received > @now
  ORDER BY events.id LIMIT 1000`

const BESIDE = `
  SELECT ${COLUMNS} FROM events WHERE id IN (
    SELECT max(id) FROM events WHERE state = 'received' AND registry = @registry AND policy = @policy
      AND artifact >= @from AND artifact < @to GROUP BY artifact
  ) AND ${IS_BARE} AND id < @id LIMIT 1000`

const NEXT = `
  SELECT min(iif(via = 'poll', first, min(last + iif(${IS_BARE}, @bare, @settle), first + @longest))) AS next
  FROM (${ARTIFACTS}) AS artifacts JOIN events ON events.id = artifacts.id`

const CLOSE = `
  UPDATE events SET state = @state
  WHERE state = 'received' AND registry = @registry AND policy = @policy AND artifact = @artifact AND id <= @id`

const PUSHED = `
  SELECT 1 FROM events WHERE registry = @registry AND artifact = @artifact AND action = 'push' AND received > @since LIMIT 1`

const LIST = `
  SELECT id, registry, via, state, received, action, repository, tag, digest FROM events ORDER BY id DESC LIMIT @limit`

const FORGET = `
  DELETE FROM events WHERE state <> 'received'
    AND (received < @before OR id <= (SELECT max(id) FROM events) - @kept)`
