/** The types of registry, and the namespaces of one registry: what is chosen from. */

import { z } from 'zod'
import { didYouMean } from '../../../config/suggest.ts'
import { adapterJson, type ShownAdapter } from '../../../core/abilities.ts'
import type { Daemon } from '../../parts.ts'
import { ApiError } from '../problem.ts'
import { type Api, problems } from '../route.ts'
import { namespaces, namespacesQuery } from '../schema/about.ts'
import { type Adapter, adapter, adapterId } from '../schema/adapter.ts'
import { type RowStreams, TIME_OVER } from '../stream/rows.ts'

const PATH = '/replication/adapters'
const tags = ['adapters']

export function addAdapters(app: Api, { program, current }: Daemon, streams: RowStreams): void {
  const { looks } = program

  app.route({
    method: 'GET',
    url: PATH,
    config: { role: 'viewer' },
    schema: { tags, description: 'The types of registry', response: { 200: z.array(adapter), ...problems() } },
    handler: async (_request, reply) => reply.send((await looks.adapters()).map(json)),
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:identity`,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'One type of registry',
      params: adapterId,
      response: { 200: adapter, ...problems(404) },
    },
    async handler(request, reply) {
      const all = await looks.adapters()
      const { identity } = request.params
      const found = all.find((one) => one.adapter.identity === identity)
      if (found) return reply.send(json(found))
      const known = all.map((one) => one.adapter.identity)
      throw new ApiError(404, 'not_found', `there is no adapter ${identity}`, {
        hint: didYouMean(identity, known) ?? `the adapters are ${known.join(', ')}`,
      })
    },
  })

  app.route({
    method: 'GET',
    url: '/registries/:id/namespaces',
    config: { role: 'maintainer' },
    schema: {
      tags: ['registries'],
      description: 'The namespaces of a registry, or of its repositories; 502 where it lists neither',
      params: z.strictObject({ id: z.string().min(1).max(300) }),
      querystring: namespacesQuery,
      response: { 200: namespaces, ...problems(404, 422, 502) },
    },
    async handler(request, reply) {
      const { configuration } = current()
      const { id } = request.params
      if (!configuration.registries.has(id)) throw new ApiError(404, 'not_found', `there is no registry ${id}`)
      const { limit } = request.query
      const answer = await streams.once(reply, async ({ signal, isOver }) => {
        const found: string[] = []
        try {
          for await (const name of looks.namespaces(id, configuration, { signal, emit: () => {} })) {
            if (found.length >= limit) return { namespaces: found, cut: `the first ${limit} are listed` }
            found.push(name)
          }
        } catch (error) {
          if (!isOver()) throw error
          return { namespaces: found, cut: TIME_OVER }
        }
        return { namespaces: found, cut: null }
      })
      return reply.send(answer)
    },
  })
}

function json(shown: ShownAdapter): Adapter {
  const { support_resource_types, support_resource_filters, capabilities, limits, ...rest } = adapterJson(shown)
  const { credentials, options, webhooks, ...can } = capabilities
  return {
    ...rest,
    support_resource_types: [...support_resource_types],
    support_resource_filters: [...support_resource_filters],
    capabilities: {
      ...can,
      credentials: [...credentials],
      options: options.map(({ values, ...option }) => ({ ...option, values: values && [...values] })),
      webhooks: webhooks && { ...webhooks, events: [...webhooks.events] },
    },
    limits: { ...limits, quirks: [...limits.quirks] },
  }
}
