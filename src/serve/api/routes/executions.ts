/** Executions: the list, one with its tasks and logs, and what is done to them. */

import { setImmediate } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Execution } from '../../../core/execution.ts'
import { isFinal } from '../../../core/states.ts'
import type { Daemon } from '../../parts.ts'
import { policyNameOf } from '../policies.ts'
import { ApiError } from '../problem.ts'
import { record } from '../record.ts'
import { type Api, pageHeaders, problems } from '../route.ts'
import {
  execution,
  executionId,
  executionsQuery,
  type Operation,
  operationRequest,
  progressSample,
  task,
  taskId,
  tasksQuery,
  waiting,
} from '../schema/execution.ts'
import { conflict, runs, turn } from '../turn.ts'

const PATH = '/replication/executions'
const tags = ['executions']

export function addExecutions(app: Api, daemon: Daemon): void {
  const { history } = daemon.program

  app.route({
    method: 'GET',
    url: PATH,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'Executions, the newest first',
      querystring: executionsQuery,
      response: { 200: z.array(execution), ...problems() },
    },
    async handler(request, reply) {
      const { page, page_size, sort, q } = request.query
      const { policy, ...narrowed } = q
      const found = history.executions.page({
        ...narrowed,
        ...(policy === undefined ? {} : { policy: policyNameOf(history, policy) }),
        ...orderOf(sort),
        offset: (page - 1) * page_size,
        limit: page_size,
      })
      pageHeaders(request, reply, { page, page_size, total: found.total })
      return found.rows.map(plain)
    },
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    config: { role: 'viewer' },
    schema: { tags, description: 'One execution', params: executionId, response: { 200: execution, ...problems(404) } },
    handler: async (request) => plain(history.executions.get(request.params.id)),
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:id/progress`,
    config: { role: 'viewer' },
    schema: {
      tags,
      description:
        'Bytes over time, the oldest first, also of one that has ended: at most 600 samples, fewer for each minute the longer it takes',
      params: executionId,
      response: { 200: z.array(progressSample), ...problems(404) },
    },
    handler: async (request) => [...history.samples.of(history.executions.get(request.params.id).id)],
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:id/tasks`,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'Its tasks, in the order of the plan',
      params: executionId,
      querystring: tasksQuery,
      response: { 200: z.array(task), ...problems(404) },
    },
    async handler(request, reply) {
      const { page, page_size, sort, q } = request.query
      const { id } = history.executions.get(request.params.id)
      const steps = history.tasks.page(id, { ...q, ...orderOf(sort), offset: (page - 1) * page_size, limit: page_size })
      const found = await inTurns(steps, () => reply.raw.destroyed)
      pageHeaders(request, reply, { page, page_size, total: found.total })
      return [...found.rows]
    },
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:id/tasks/:task`,
    config: { role: 'viewer' },
    schema: { tags, description: 'One task', params: taskId, response: { 200: task, ...problems(404) } },
    async handler(request) {
      const { id } = history.executions.get(request.params.id)
      return history.tasks.get(id, request.params.task)
    },
  })

  app.route({
    method: 'PUT',
    url: `${PATH}/:id`,
    config: { role: 'operator' },
    schema: {
      tags,
      description:
        'Stops, pauses, resumes or retries it. Answers with the execution that goes on: a retry is a new one',
      params: executionId,
      body: operationRequest,
      response: { 200: execution, 202: waiting, ...problems(404, 409, 422, 502) },
    },
    async handler(request, reply) {
      const now = history.executions.get(request.params.id)
      const { operation } = request.body
      const after = await operate(daemon, now, operation)
      const detail = operation === 'retry' && after ? `${now.policy}, as execution ${after.id}` : now.policy
      record(daemon, request, { verb: DONE[operation], noun: 'execution', name: String(now.id), detail })
      return after ? plain(after) : waits(reply)
    },
  })
}

const DONE = { stop: 'stopped', pause: 'paused', resume: 'resumed', retry: 'retried' } as const

export function waits(reply: FastifyReply): z.infer<typeof waiting> {
  reply.code(202)
  return { waiting: true }
}

/** Lets others have their turn between two steps. Throws where the client no longer waits. */
async function inTurns<T>(steps: Generator<void, T>, isGone: () => boolean): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await setImmediate()
    if (isGone()) throw new ApiError(503, 'gone', 'the client has closed the connection')
  }
}

export function orderOf<F extends string>(sort: string): { readonly order: F; readonly descending: boolean } {
  const descending = sort.startsWith('-')
  // Its schema allows the names of fields only.
  return { order: (descending ? sort.slice(1) : sort) as F, descending }
}

export function plain(one: Execution): z.infer<typeof execution> {
  return { ...one, left_behind: { ...one.left_behind } }
}

/** Undefined where it waits for its turn. Throws an `ApiError` where its state does not allow it. */
async function operate(daemon: Daemon, now: Execution, operation: Operation): Promise<Execution | undefined> {
  const { executions, program } = daemon
  const { control, executions: records } = program.history
  const { id } = now
  const isOver = isFinal(now.status)
  if (operation === 'retry' || (operation === 'resume' && isOver)) {
    if (!isOver) throw conflict(`execution ${id} is running: only what has ended is retried`)
    if (now.status === 'succeeded') throw conflict(`execution ${id} has succeeded: nothing of it is left to do`)
    return turn(program.clock, (started, settled) => {
      if (!executions.again({ how: operation, execution: now, started, settled })) throw runs(now.policy)
    })
  }
  if (isOver) throw conflict(`execution ${id} is not running: it ${ended(now)}`)
  const request = { stop: control.requestStop, pause: control.requestPause, resume: control.requestUnpause }[operation]
  if (!request(id)) {
    const why = operation === 'resume' ? 'is running, and not paused' : 'is not running: it has just ended'
    throw conflict(`execution ${id} ${why}`)
  }
  return records.get(id)
}

function ended({ status }: Execution): string {
  return status === 'succeeded' || status === 'failed' ? status : `was ${status}`
}
