/** Who takes tasks on other machines. */

import { messageOf, ReplicateError } from '../../../core/errors.ts'
import type { Daemon } from '../../parts.ts'
import { ApiError } from '../problem.ts'
import { type Api, problems } from '../route.ts'
import { workers } from '../schema/worker.ts'

/** Milliseconds that the queue's server may take to answer. */
const PATIENCE = 5000

export function addWorkers(app: Api, { program, current }: Daemon): void {
  app.route({
    method: 'GET',
    url: '/workers',
    config: { role: 'viewer' },
    schema: {
      tags: ['workers'],
      description: 'The machines that take tasks; 502 where the queue does not answer',
      response: { 200: workers, ...problems(502) },
    },
    async handler(_request, reply) {
      const { configuration } = current()
      try {
        const found = await program.workers(configuration, AbortSignal.timeout(PATIENCE))
        return await reply.send(found ? { ...found, workers: [...found.workers] } : NONE)
      } catch (error) {
        if (!(error instanceof ReplicateError)) throw error
        throw new ApiError(502, 'queue', messageOf(error), { hint: error.hint, cause: error })
      }
    },
  })
}

const NONE = { queue: null, name: null, workers: [] }
