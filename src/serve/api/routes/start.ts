/** Starts an execution of a policy, or says what it would do. */

import type { Policy } from '../../../core/policy.ts'
import type { PlanOptions, RunOptions } from '../../../core/requests.ts'
import type { Daemon } from '../../parts.ts'
import { policyOf } from '../policies.ts'
import { ApiError } from '../problem.ts'
import { record } from '../record.ts'
import { type Api, problems } from '../route.ts'
import { execution, waiting } from '../schema/execution.ts'
import { previewRow } from '../schema/preview.ts'
import { type StartRequest, startRequest } from '../schema/start.ts'
import { ROWS_TYPE, type RowStreams } from '../stream/rows.ts'
import { runs, turn } from '../turn.ts'
import { plain, waits } from './executions.ts'
import { planned } from './preview.ts'

const PATH = '/replication/executions'

export function addStart(app: Api, daemon: Daemon, streams: RowStreams): void {
  const { current, executions, program } = daemon

  app.route({
    method: 'POST',
    url: PATH,
    config: { role: 'operator' },
    schema: {
      tags: ['executions'],
      description:
        'Starts a policy, with the options of `replicate run`. 202: it waits for its turn. 200: the plan of a dry run',
      body: startRequest,
      response: {
        200: {
          description: 'JSON objects, one a line; the last has the type `plan` or `error`',
          content: { [ROWS_TYPE]: { schema: previewRow } },
        },
        201: execution,
        202: waiting,
        ...problems(404, 409, 412, 422, 502),
      },
    },
    async handler(request, reply) {
      const { configuration } = current()
      const policy = policyOf(configuration, program.history, request.body.policy_id)
      const { name } = policy
      if (request.body.dry_run) {
        const narrowed = narrowingOf(request.body)
        await streams.send(reply, (looking) => planned({ policy, configuration }, narrowed, daemon, looking))
        return reply
      }
      expectReady(policy)
      const options = optionsOf(request.body)
      const begun = await turn(program.clock, (started, settled) =>
        executions.wish({ policy: name, trigger: 'manual', options, started, settled }),
      )
      const detail = begun ? `execution ${begun.id}` : 'waits for its turn'
      record(daemon, request, { verb: 'started', noun: 'policy', name, detail })
      if (!begun) return waits(reply)
      reply.code(201).header('location', `/api${PATH}/${begun.id}`)
      return plain(begun)
    },
  })

  function expectReady({ name, enabled }: Policy): void {
    if (!enabled) throw new ApiError(412, 'disabled', `policy ${name} is disabled`, { hint: 'enable it first' })
    const running = executions.running.find((one) => one.policy === name)
    if (running) throw runs(name, running.execution.id)
  }
}

/** What of a policy is done. */
function narrowingOf({
  filter,
  shard,
  referrers,
}: StartRequest): Pick<RunOptions & PlanOptions, 'filter' | 'shard' | 'referrers'> {
  const patterns = Object.entries(filter ?? {}).flatMap(([key, some]) => (some ? [[key, some] as const] : []))
  return {
    ...(patterns.length === 0 ? {} : { filter: Object.fromEntries(patterns) }),
    ...(shard === undefined ? {} : { shard }),
    ...(referrers === undefined ? {} : { referrers }),
  }
}

function optionsOf(request: StartRequest): RunOptions {
  const { concurrency, bandwidth, fail_fast, max_failures, timeout } = request
  return {
    ...narrowingOf(request),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(fail_fast === undefined ? {} : { failFast: fail_fast }),
    ...(max_failures === undefined ? {} : { maxFailures: max_failures }),
    ...(timeout === undefined ? {} : { timeout }),
  }
}
