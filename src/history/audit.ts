/** The audit log: who changed and started what, when, and from where. Only the newest lines are kept. */

import type { Actor, AuditLine, AuditNoun, AuditVerb, Deed } from '../core/audit.ts'
import type { Database } from './database/database.ts'
import { formatTime } from './database/sql.ts'
import type { Page } from './executions/listing.ts'

export interface AuditRequest {
  readonly who?: string | undefined
  readonly verb?: AuditVerb | undefined
  readonly noun?: AuditNoun | undefined
  readonly name?: string | undefined
  /** At or after this; milliseconds since 1970. */
  readonly since?: number | undefined
  /** Oldest first instead of newest first. */
  readonly ascending?: boolean
  readonly offset?: number
  readonly limit: number
}

export interface Audit {
  add(actor: Actor, deed: Deed): void
  page(request: AuditRequest): Page<AuditLine>
}

/** Lines that are kept: of a daemon that is changed a hundred times a day, those of three years. */
const MOST_LINES = 100_000
/** Characters of a text in a line. */
const LONGEST = 1000

export function createAudit(
  database: Database,
  now: () => number,
  redact: (text: string) => string,
  most = MOST_LINES,
): Audit {
  const kept = (text: string): string => redact(text).slice(0, LONGEST)
  return {
    add({ who, role, origin }, { verb, noun, name, detail }) {
      database.transaction(() => {
        database.run(ADD, {
          time: now(),
          who: kept(who),
          role,
          origin: kept(origin),
          verb,
          noun,
          name: kept(name),
          detail: detail === null ? null : kept(detail),
        })
        database.run(FORGET_OLD, { most })
      })
    },
    page({ who, verb, noun, name, since, ascending = false, offset = 0, limit }) {
      const given = {
        who: who ?? null,
        verb: verb ?? null,
        noun: noun ?? null,
        name: name ?? null,
        since: since ?? null,
      }
      const way = ascending ? 'ASC' : 'DESC'
      const rows = database.all<Row>(`SELECT * FROM audit ${MATCHING} ORDER BY id ${way} LIMIT @limit OFFSET @offset`, {
        ...given,
        limit,
        offset,
      })
      const { total = 0 } =
        database.get<{ total: number }>(`SELECT count(*) AS total FROM audit ${MATCHING}`, given) ?? {}
      return { rows: rows.map((row) => ({ ...row, time: formatTime(row.time) })), total }
    },
  }
}

interface Row extends Omit<AuditLine, 'time'> {
  readonly time: number
}

const ADD = `
  INSERT INTO audit (time, who, role, origin, verb, noun, name, detail)
  VALUES (@time, @who, @role, @origin, @verb, @noun, @name, @detail)`

const FORGET_OLD = 'DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - @most'

const MATCHING = `WHERE (@who IS NULL OR who = @who) AND (@verb IS NULL OR verb = @verb)
  AND (@noun IS NULL OR noun = @noun) AND (@name IS NULL OR name = @name) AND (@since IS NULL OR time >= @since)`
