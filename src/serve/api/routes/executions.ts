/** Executions: the list, one with its tasks and logs, and what is done to them. */

import { setImmediate } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Clock } from '../../../core/cancel.ts'
import type { Execution } from '../../../core/execution.ts'
import { isFinal } from '../../../core/states.ts'
import type { Daemon, WishEnd } from '../../parts.ts'
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
  startRequest,
  task,
  taskId,
  tasksQuery,
  waiting,
} from '../schema/execution.ts'

const PATH = '/replication/executions'
const tags = ['executions']

/** How long a start may wait for its turn before it is answered, in milliseconds. */
const PATIENCE = 2000

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
      const found = history.executions.page({
        ...q,
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
    method: 'POST',
    url: PATH,
    config: { role: 'operator' },
    schema: {
      tags,
      description: 'Starts a policy. 202: it waits for its turn',
      body: startRequest,
      response: { 201: execution, 202: waiting, ...problems(404, 409, 412, 422, 502) },
    },
    async handler(request, reply) {
      const { policy_id } = request.body
      const begun = await start(daemon, policy_id)
      const detail = begun ? `execution ${begun.id}` : 'waits for its turn'
      record(daemon, request, { verb: 'started', noun: 'policy', name: policy_id, detail })
      if (!begun) return waits(reply)
      reply.code(201).header('location', `/api${PATH}/${begun.id}`)
      return plain(begun)
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

function waits(reply: FastifyReply): z.infer<typeof waiting> {
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

function plain(one: Execution): z.infer<typeof execution> {
  return { ...one, left_behind: { ...one.left_behind } }
}

/** Undefined where it waits for its turn. */
async function start({ current, executions, program }: Daemon, name: string): Promise<Execution | undefined> {
  const policy = current().configuration.policies.find((one) => one.name === name)
  if (!policy) throw new ApiError(404, 'not_found', `there is no policy ${name}`)
  if (!policy.enabled) {
    throw new ApiError(412, 'disabled', `policy ${name} is disabled`, { hint: 'enable it first' })
  }
  const running = executions.running.find((one) => one.policy === name)
  if (running) throw runs(name, running.execution.id)
  return turn(program.clock, (started, settled) =>
    executions.wish({ policy: name, trigger: 'manual', started, settled }),
  )
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

/** What `wish` starts. Undefined where it waits for longer than is waited for here. */
async function turn(
  clock: Clock,
  wish: (started: (execution: Execution) => void, settled: (end: WishEnd) => void) => void,
): Promise<Execution | undefined> {
  const answered = new AbortController()
  const begun = new Promise<Execution | undefined>((resolve, reject) => {
    wish(resolve, (end) => {
      if (end.kind === 'left') reject(conflict(end.reason))
      else if (end.kind === 'dropped') reject(new ApiError(503, 'draining', 'the daemon is ending'))
      else if (end.outcome.execution) resolve(end.outcome.execution)
      else reject(end.outcome.error ?? new Error('it did not begin'))
    })
  })
  const patience = clock.sleep(PATIENCE, answered.signal).then(
    () => undefined,
    () => undefined,
  )
  try {
    return await Promise.race([begun, patience])
  } finally {
    answered.abort()
    // What becomes of it later is in the history.
    begun.catch(() => {})
  }
}

function conflict(message: string): ApiError {
  return new ApiError(409, 'conflict', message)
}

function runs(policy: string, execution?: number): ApiError {
  const which = execution === undefined ? 'it runs, or waits to run' : `execution ${execution} runs`
  return new ApiError(409, 'running', `policy ${policy} is not started: ${which}`, {
    ...(execution === undefined ? {} : { execution }),
  })
}
