/** Wishes of other processes for an execution that runs: that it stops, pauses, or goes on. */

import { ACTIVE_EXECUTIONS, isFinal } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import { anyOf } from '../database/sql.ts'
import type { ExecutionListing } from './listing.ts'

export interface Control {
  /** Asks the process that runs it to stop; false where nobody runs it. */
  requestStop(id: number): boolean
  /** Asks the process that runs it to hold before its next blob; false where nobody runs it. */
  requestPause(id: number): boolean
  /** Takes the wish for a pause back; false where there is none, or nobody runs it. */
  requestUnpause(id: number): boolean
  stopRequested(id: number): boolean
  pauseRequested(id: number): boolean
}

export function createControl(database: Database, { get }: Pick<ExecutionListing, 'get'>): Control {
  function request(id: number, change: string, condition = 'true'): boolean {
    // The look marks an execution whose process died: nobody would hear the wish.
    if (isFinal(get(id).status)) return false
    return database.run(`UPDATE executions SET ${change} WHERE id = @id AND ${ACTIVE} AND ${condition}`, { id }) > 0
  }
  const isRequested = (id: number, column: 'stop_requested' | 'pause_requested'): boolean =>
    database.get(`SELECT 1 FROM executions WHERE id = @id AND ${column} = 1`, { id }) !== undefined

  return {
    requestStop: (id) => request(id, 'stop_requested = 1'),
    requestPause: (id) => request(id, 'pause_requested = 1'),
    requestUnpause: (id) => request(id, 'pause_requested = 0', 'pause_requested = 1'),
    stopRequested: (id) => isRequested(id, 'stop_requested'),
    pauseRequested: (id) => isRequested(id, 'pause_requested'),
  }
}

const ACTIVE = anyOf('status', ACTIVE_EXECUTIONS)
