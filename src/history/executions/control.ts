/** Requests of other processes to a running execution: to stop, to pause, to resume. */

import { ACTIVE_EXECUTIONS, isFinal } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import { anyOf } from '../database/sql.ts'
import type { ExecutionListing } from './listing.ts'

export interface Control {
  /** Asks the process that runs it to stop; false where it is not running. */
  requestStop(id: number): boolean
  /** Asks the process that runs it to move no more bytes until `requestUnpause`; false where it is not running. */
  requestPause(id: number): boolean
  /** Withdraws the request to pause; false where none is pending, or it is not running. */
  requestUnpause(id: number): boolean
  stopRequested(id: number): boolean
  pauseRequested(id: number): boolean
}

export function createControl(database: Database, { get }: Pick<ExecutionListing, 'get'>): Control {
  function request(id: number, change: string, condition = 'true'): boolean {
    // `get` marks an execution whose process has died: no process would see the request.
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
