/** The states of executions and tasks, and the moves between them. */

export const EXECUTION_MOVES = {
  preparing: ['in_progress', 'paused', 'succeeded', 'failed', 'stopped', 'interrupted'],
  in_progress: ['paused', 'succeeded', 'failed', 'stopped', 'interrupted'],
  paused: ['preparing', 'in_progress', 'stopped', 'failed', 'interrupted'],
  succeeded: [],
  failed: ['preparing', 'in_progress'],
  stopped: ['preparing', 'in_progress'],
  interrupted: ['preparing', 'in_progress'],
} as const satisfies Record<string, readonly string[]>
export type ExecutionStatus = keyof typeof EXECUTION_MOVES

export const TASK_MOVES = {
  pending: ['in_progress', 'stopped', 'failed', 'skipped'],
  in_progress: ['succeeded', 'failed', 'stopped', 'pending'],
  succeeded: [],
  failed: ['pending'],
  stopped: ['pending'],
  skipped: [],
} as const satisfies Record<string, readonly string[]>
export type TaskStatus = keyof typeof TASK_MOVES

/** What may start an execution. */
export const TRIGGERS = ['manual', 'schedule', 'event', 'poll', 'pull'] as const
export type TriggerKind = (typeof TRIGGERS)[number]

/** The states from which `to` may be reached: what an `UPDATE` puts into its `WHERE`. */
export function executionStatesBefore(to: ExecutionStatus): readonly ExecutionStatus[] {
  return statesBefore(EXECUTION_MOVES, to)
}

export function taskStatesBefore(to: TaskStatus): readonly TaskStatus[] {
  return statesBefore(TASK_MOVES, to)
}

/** Executions that a process is working on. */
export const ACTIVE_EXECUTIONS = ['preparing', 'in_progress', 'paused'] as const satisfies readonly ExecutionStatus[]
/** Executions that no running process will change: only a new attempt does. */
export const FINAL_EXECUTIONS = without(EXECUTION_MOVES, ACTIVE_EXECUTIONS)

/** Tasks that their execution still has to do. */
export const ACTIVE_TASKS = ['pending', 'in_progress'] as const satisfies readonly TaskStatus[]
/** Tasks that have ended. */
export const FINAL_TASKS = without(TASK_MOVES, ACTIVE_TASKS)

export function isFinal(status: ExecutionStatus): boolean {
  return FINAL_EXECUTIONS.includes(status)
}

/** An execution's end follows from its tasks alone. */
export function endOf(tasks: { readonly failed: number; readonly stopped: number }): ExecutionStatus {
  if (tasks.failed > 0) return 'failed'
  return tasks.stopped > 0 ? 'stopped' : 'succeeded'
}

function statesBefore<S extends string>(moves: Readonly<Record<S, readonly string[]>>, to: S): readonly S[] {
  return (Object.keys(moves) as S[]).filter((from) => moves[from].includes(to))
}

function without<S extends string>(moves: Readonly<Record<S, unknown>>, others: readonly NoInfer<S>[]): readonly S[] {
  return (Object.keys(moves) as S[]).filter((state) => !others.includes(state))
}
