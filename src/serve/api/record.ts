/** Keeps who did what over the API. */

import type { FastifyRequest } from 'fastify'
import type { Actor, Deed } from '../../core/audit.ts'
import { HistoryError } from '../../core/errors.ts'
import type { Daemon } from '../parts.ts'
import type { Sender } from './auth/tokens.ts'
import { callerOf } from './route.ts'

export function actorOf({ name, role, origin }: Sender): Actor {
  return { who: name, role, origin }
}

/** After it was done: a failure is told to the log of the daemon, and what was done stays done. */
export function record({ program, tell }: Daemon, request: FastifyRequest, deed: Deed): void {
  const actor = actorOf(callerOf(request))
  try {
    program.history.audit.add(actor, deed)
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    const text = `the audit log lacks that ${actor.who} ${deed.verb} ${deed.noun} ${deed.name}: ${error.message}`
    tell({ type: 'log', level: 'warning', text })
  }
}
