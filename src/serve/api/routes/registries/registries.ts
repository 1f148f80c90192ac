/** Registries: as their files have them, how they are, and changed there. */

import { z } from 'zod'
import { definitionsOf } from '../../../../config/document/definition.ts'
import { registryChangeJson, registryJson, registrySettings } from '../../../../config/document/registry.ts'
import type { Configuration } from '../../../../config/load.ts'
import { registryNames } from '../../../../core/policy.ts'
import { placeOf, type Registry } from '../../../../core/registry.ts'
import type { Daemon } from '../../../parts.ts'
import { change } from '../../editing.ts'
import { ApiError } from '../../problem.ts'
import { record } from '../../record.ts'
import { type Api, callerOf, pageHeaders, problems } from '../../route.ts'
import {
  changedRegistry,
  draft,
  editQuery,
  ifMatch,
  listQuery,
  nameParams,
  newRegistry,
  registry,
  registryDetail,
} from '../../schema/definition.ts'
import { addPings } from './ping.ts'
import { named, PATH, tags, write } from './writing.ts'

const CHANGES = [404, 409, 412, 422, 502] as const

export function addRegistries(app: Api, daemon: Daemon): void {
  const { desk, history } = daemon.program

  function shown(
    one: Registry,
    configuration: Configuration,
    defined = definitionsOf(configuration, history.definitions.get),
    users = usersOf(configuration),
  ): z.infer<typeof registry> {
    return {
      ...registryJson(one, {
        status: history.registries.status(one.name, placeOf(one)),
        definition: defined('registry', one.name),
      }),
      file: configuration.registryFile(one.name) ?? null,
      policies: [...(users.get(one.name) ?? [])],
    }
  }

  async function detail(
    name: string,
  ): Promise<{ readonly body: z.infer<typeof registryDetail>; readonly etag: string }> {
    const configuration = await desk.read()
    const one = named(configuration, name)
    const file = configuration.registryFile(name) ?? desk.home
    const body = {
      ...shown(one, configuration),
      ...registrySettings(one),
      definition: ((await desk.written('registries', name, file)) ?? null) as Record<string, unknown> | null,
      changes: history.registries.changes(name, placeOf(one)).map(registryChangeJson),
    }
    return { body, etag: await desk.etag(file) }
  }

  app.route({
    method: 'GET',
    url: PATH,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'Registries, with their health',
      querystring: listQuery,
      response: { 200: z.array(registry), ...problems() },
    },
    async handler(request, reply) {
      const { page, page_size } = request.query
      const { configuration } = daemon.current()
      const all = [...configuration.registries.values()]
      const defined = definitionsOf(configuration, history.definitions.get)
      pageHeaders(request, reply, { page, page_size, total: all.length })
      const users = usersOf(configuration)
      return all.slice((page - 1) * page_size, page * page_size).map((one) => shown(one, configuration, defined, users))
    },
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'One registry, with the history of its health and the `ETag` of its file',
      params: nameParams,
      response: { 200: registryDetail, ...problems(404, 422) },
    },
    async handler(request, reply) {
      const { body, etag } = await detail(request.params.id)
      reply.header('etag', etag)
      return body
    },
  })

  app.route({
    method: 'POST',
    url: PATH,
    config: { role: 'admin' },
    schema: {
      tags,
      description: 'Writes a new registry into the file, comments and order of the rest stay',
      querystring: editQuery,
      body: newRegistry,
      response: { 200: draft, 201: registryDetail, ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const { name, ...wanted } = request.body
      const configuration = await desk.read()
      if (configuration.registries.has(name)) throw new ApiError(409, 'exists', `there is a registry ${name} already`)
      const written = await write(daemon, request, { name, file: desk.home, dry: request.query.dry_run }, wanted)
      if (request.query.dry_run) return written
      const { body, etag } = await detail(name)
      reply
        .code(201)
        .header('etag', etag)
        .header('location', `/api${PATH}/${encodeURIComponent(name)}`)
      return body
    },
  })

  app.route({
    method: 'PUT',
    url: `${PATH}/:id`,
    config: { role: 'admin' },
    schema: {
      tags,
      description: 'Changes it in its file',
      params: nameParams,
      querystring: editQuery,
      headers: ifMatch,
      body: changedRegistry,
      response: { 200: registryDetail.or(draft), ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const { id: name } = request.params
      const configuration = await desk.read()
      named(configuration, name)
      const file = configuration.registryFile(name) ?? desk.home
      const { dry_run: dry } = request.query
      const at = { name, file, dry, ifMatch: request.headers['if-match'] }
      const written = await write(daemon, request, at, request.body)
      if (dry) return written
      const { body, etag } = await detail(name)
      reply.header('etag', etag)
      return body
    },
  })

  app.route({
    method: 'DELETE',
    url: `${PATH}/:id`,
    config: { role: 'admin' },
    schema: {
      tags,
      description: 'Removes it, and its credential in the keychain; refused while policies use it',
      params: nameParams,
      headers: ifMatch,
      response: { 204: z.undefined(), ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const { id: name } = request.params
      const configuration = await desk.read()
      const one = named(configuration, name)
      const { policies } = shown(one, configuration)
      if (policies.length > 0) {
        throw new ApiError(409, 'in_use', `registry ${name} is used by ${policies.join(', ')}`, {
          hint: 'delete them, or let them use another registry, first',
          policies,
        })
      }
      const file = configuration.registryFile(name) ?? desk.home
      const edits = [{ remove: ['registries', name] }]
      await change(daemon, callerOf(request), {
        kind: 'registries',
        name,
        file,
        edits,
        ifMatch: request.headers['if-match'],
      })
      if (await desk.forget(name)) {
        record(daemon, request, { verb: 'removed', noun: 'credential', name, detail: 'from the keychain' })
      }
      reply.code(204)
    },
  })
  addPings(app, daemon)
}

/** The policies that use each registry. */
function usersOf({ policies }: Configuration): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>()
  for (const policy of policies) {
    for (const registry of registryNames([policy])) {
      const names = users.get(registry) ?? []
      users.set(registry, names)
      names.push(policy.name)
    }
  }
  return users
}
