/** What runners outside tell of the tasks that they do. */

import type { Daemon } from '../../parts.ts'
import { ApiError } from '../problem.ts'
import { record } from '../record.ts'
import { type Api, callerOf, problems } from '../route.ts'
import { executionId, task } from '../schema/execution.ts'
import { notification } from '../schema/notification.ts'
import { conflict } from '../turn.ts'

export function addNotifications(app: Api, daemon: Daemon): void {
  const { history, runners } = daemon.program

  app.route({
    method: 'POST',
    url: '/replication/executions/:id/notifications',
    config: { role: 'operator' },
    schema: {
      tags: ['executions'],
      description:
        'A runner of your own tells of a task: it takes a pending one, says how far it is at least every five minutes, and how it ended. What it says of the end is checked at the destination; what it left out is done by this daemon',
      params: executionId,
      body: notification,
      response: { 200: task, ...problems(404, 409) },
    },
    async handler(request) {
      const { id } = history.executions.get(request.params.id)
      const { id: number, runner, status, lines, error, ...moved } = request.body
      const before = history.tasks.get(id, number)
      const caller = callerOf(request)
      // Holders of other tokens are others, whatever they call themselves.
      const by = `${caller.name}/${runner}`
      const news = { task: number, runner: by, status, moved, lines, error }
      const refusal = await runners.tell(id, before, news)
      if (refusal !== undefined) throw conflict(refusal)
      const after = history.tasks.get(id, number)
      const isTaken = before.status === 'pending' && status === 'in_progress'
      if (isTaken || status !== 'in_progress') {
        const what = isTaken ? 'taken' : `said to have ${status}`
        record(daemon, request, {
          verb: 'notified',
          noun: 'execution',
          name: String(id),
          detail: `task ${number} ${what} by ${runner}`,
        })
      }
      // One that is in progress is still being checked.
      if (status === 'succeeded' && !['succeeded', 'in_progress'].includes(after.status)) {
        throw new ApiError(
          409,
          'not_verified',
          `task ${number} is ${after.status}: ${after.error?.message ?? 'the run has ended'}`,
          {
            hint: 'this daemon tries it again where attempts are left; take another task',
          },
        )
      }
      return after
    },
  })
}
