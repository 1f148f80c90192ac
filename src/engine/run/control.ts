/** Listens to other processes, which may stop, pause or resume an execution that runs here, and tells them that it is alive. */

import type { Context } from '../../core/context.ts'
import { CancelledError, LockedError } from '../../core/errors.ts'
import type { GateControl } from '../../core/gate.ts'
import type { ExecutionStatus } from '../../core/states.ts'
import type { History } from '../../history/history.ts'

export interface Controlled {
  readonly history: History
  readonly execution: number
  readonly stop: AbortController
  readonly gate: GateControl
  readonly emit: Context['emit']
}

export interface Control {
  /** Another process has taken the execution over: nothing more may be written of it. */
  readonly lost: boolean
  /** Nothing is left to hold: from now on only a stop is heard. */
  transferred(): void
  /** Listens no more. */
  end(): void
}

/** How often wishes are looked for, in milliseconds. */
export const CONTROL_INTERVAL = 500
const HEARTBEAT_INTERVAL = 5000

export function listenToOthers(controlled: Controlled): Control {
  const { history, execution, stop, gate, emit } = controlled
  let lost = false
  /** What it was when it was paused. */
  let paused: ExecutionStatus | undefined
  let over = false

  function look(): void {
    if (history.control.stopRequested(execution)) stop.abort(new CancelledError('stopped by `executions stop`', 4))
    if (over || stop.signal.aborted) return
    if (!history.control.pauseRequested(execution)) {
      goOn()
      return
    }
    gate.close()
    if (paused !== undefined) return
    const { status } = history.executions.get(execution)
    if (!history.executions.move(execution, 'paused')) return
    paused = status
    emit({ type: 'paused', paused: true })
    emit({
      type: 'waiting',
      reason: `paused by \`executions pause\`; \`replicate executions resume ${execution}\` resumes it`,
    })
  }

  function goOn(): void {
    if (paused !== undefined) {
      if (!history.executions.move(execution, paused)) return
      paused = undefined
      emit({ type: 'paused', paused: false })
      emit({ type: 'log', level: 'info', text: 'resumed' })
    }
    gate.open()
  }

  function beat(): void {
    if (history.locks.heartbeat(execution)) return
    lost = true
    stop.abort(new LockedError(`execution ${execution} was taken over by another process`))
  }

  const timers = [setInterval(unlessBusy(look), CONTROL_INTERVAL), setInterval(unlessBusy(beat), HEARTBEAT_INTERVAL)]
  return {
    get lost() {
      return lost
    },
    transferred() {
      over = true
      goOn()
      gate.open()
    },
    end() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}

/** A history that cannot be used is told by the next task that ends; in a timer it would end the process. */
function unlessBusy(work: () => void): () => void {
  return () => {
    try {
      work()
    } catch {
      // The next look may succeed.
    }
  }
}
