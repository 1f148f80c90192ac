/** The events of an execution that another process runs, read from the history again and again. */

import type { Event } from '../core/events.ts'
import type { Execution } from '../core/execution.ts'
import type { History } from '../history/history.ts'
import type { View } from './render/view.ts'

export interface Replay {
  /** Passes on what has happened since the last call; everything at the first. */
  look(execution: Execution): void
}

export function createReplay(history: History, id: number, view: View): Replay {
  let lastLine = 0
  let lastEnd = 0
  let endedBefore = 0
  // Tasks may end within one millisecond: those of the last one that were seen.
  let atLastEnd = new Set<number>()

  function newLines(): readonly Timed[] {
    const lines = [...history.logs.list(id, { after: lastLine })]
    lastLine = lines.at(-1)?.id ?? lastLine
    return lines.map(({ level, text, task_id, time, event }) => ({
      time: Date.parse(time),
      event: event ?? { type: 'log', level, text, ...(task_id === null ? {} : { task: task_id }) },
    }))
  }

  function newEnds({ succeed, failed, stopped }: Execution): readonly Timed[] {
    if (succeed + failed + stopped === endedBefore) return []
    endedBefore = succeed + failed + stopped
    const ended = history.tasks
      .endedSince(id, lastEnd)
      .map((task) => ({ task, time: Date.parse(task.end_time ?? '') }))
      .filter(({ task, time }) => time > lastEnd || !atLastEnd.has(task.id))
    const newest = ended.at(-1)?.time ?? lastEnd
    if (newest > lastEnd) atLastEnd = new Set()
    lastEnd = newest
    for (const { task, time } of ended) if (time === newest) atLastEnd.add(task.id)
    // A kept tag is not a task of the run.
    return ended
      .filter(({ task }) => task.status !== 'skipped')
      .map(({ task, time }) => ({ time, event: { type: 'task', task } }))
  }

  return {
    look(execution) {
      const progress = history.progress.of(id)
      // The sort is stable: a stage ends after the tasks that ended in the same millisecond.
      const events = [...newEnds(execution), ...newLines()].sort((a, b) => a.time - b.time)
      for (const { event, time } of events) view.event(event, time)
      view.progress({ ...progress, tasks: execution.total - execution.skipped, paused: execution.status === 'paused' })
    },
  }
}

interface Timed {
  readonly time: number
  readonly event: Event
}
