/** Registries: as their files have them, how they are, and changed there. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { definitionsOf } from '../../../config/document/definition.ts'
import { registryChangeJson, registryJson, registrySettings } from '../../../config/document/registry.ts'
import type { Configuration } from '../../../config/load.ts'
import { messageOf } from '../../../core/errors.ts'
import { registryNames } from '../../../core/policy.ts'
import { placeOf, type Registry } from '../../../core/registry.ts'
import type { Daemon } from '../../parts.ts'
import type { Sender } from '../auth/tokens.ts'
import type { Entered, Plain, Undo } from '../desk.ts'
import { change, changesOf } from '../editing.ts'
import { ApiError } from '../problem.ts'
import { record } from '../record.ts'
import { type Api, callerOf, pageHeaders, problems } from '../route.ts'
import {
  changedRegistry,
  draft,
  editQuery,
  ifMatch,
  listQuery,
  nameParams,
  newRegistry,
  type PingAnswer,
  pingAnswer,
  registry,
  registryDetail,
  triedRegistry,
} from '../schema/definition.ts'

const PATH = '/registries'
const tags = ['registries']
const CHANGES = [404, 409, 412, 422, 502] as const

/** What a request says of a registry. */
interface Wanted {
  readonly definition: Readonly<Record<string, Plain>>
  readonly credential?: Entered | undefined
  readonly ca_pem?: string | undefined
}

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
      const written = await write(request, { name, file: desk.home, dry: request.query.dry_run }, wanted)
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
      const written = await write(request, at, request.body)
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

  app.route({
    method: 'POST',
    url: `${PATH}/ping`,
    config: { role: 'admin' },
    schema: {
      tags,
      description: 'Tests one that is not written yet: address, certificate, credential, listing',
      body: triedRegistry,
      response: { 200: pingAnswer, ...problems(422) },
    },
    async handler(request) {
      const { name, ...wanted } = request.body
      const { configuration } = await draftOf(callerOf(request), name, desk.home, wanted)
      record(daemon, request, { verb: 'tested', noun: 'registry', name, detail: 'not written yet' })
      return pinged(configuration.registryOf(name), wanted, request.signal)
    },
  })

  app.route({
    method: 'POST',
    url: `${PATH}/:id/ping`,
    config: { role: 'operator' },
    schema: {
      tags,
      description: 'Tests it: address, certificate, credential, listing',
      params: nameParams,
      response: { 200: pingAnswer, ...problems(404, 422) },
    },
    async handler(request) {
      const one = named(daemon.current().configuration, request.params.id)
      return pinged(one, {}, request.signal)
    },
  })

  async function pinged(
    one: Registry,
    { credential, ca_pem }: Partial<Wanted>,
    signal: AbortSignal,
  ): Promise<PingAnswer> {
    const ctx = { signal: AbortSignal.any([signal, daemon.signal]), emit: () => {} }
    const steps = await desk.ping(one, { credential, ca: ca_pem }, ctx)
    const isOver = steps.every(({ ok }) => ok)
    const certificate = one.url === undefined ? undefined : await desk.certificate(one.url, ctx).catch(() => undefined)
    const redact = (text: string): string => daemon.program.redact(text)
    return {
      ok: isOver,
      steps: steps.map((step) => ({ ...step, detail: redact(step.detail) })),
      certificate: certificate ? { ...certificate, names: [...certificate.names] } : null,
    }
  }

  /** The file as it would be. */
  async function draftOf(caller: Sender, name: string, file: string, wanted: Wanted, ifMatch?: string) {
    const edits = [{ set: ['registries', name], to: wanted.definition }]
    return change(daemon, caller, {
      kind: 'registries',
      name,
      file,
      edits,
      value: wanted.definition,
      ifMatch,
      dry: true,
    })
  }

  /** The secret goes first, as a registry without it is worth nothing, and goes away again where the file cannot be written. */
  async function write(
    request: FastifyRequest,
    {
      name,
      file,
      dry,
      ifMatch,
    }: { readonly name: string; readonly file: string; readonly dry: boolean; readonly ifMatch?: string | undefined },
    wanted: Wanted,
  ): Promise<z.infer<typeof draft>> {
    const { credential, ca_pem } = wanted
    const caller = callerOf(request)
    let value: Readonly<Record<string, Plain>> =
      ca_pem === undefined
        ? wanted.definition
        : { ...wanted.definition, ca: await desk.authorityPath(file, name, ca_pem) }
    const before = await draftOf(caller, name, file, { ...wanted, definition: value }, ifMatch)
    if (!dry) {
      const undos: Undo[] = []
      try {
        if (ca_pem !== undefined) {
          const { path, undo } = await desk.keepAuthority(file, name, ca_pem)
          undos.push(undo)
          value = { ...value, ca: path }
        }
        if (credential)
          undos.push((await desk.keep(before.configuration.registryOf(name), credential)) ?? noKeychain(name))
        const edits = [{ set: ['registries', name], to: value }]
        await change(daemon, caller, { kind: 'registries', name, file, edits, value, ifMatch })
      } catch (error) {
        for (const undo of undos.toReversed()) {
          // A lesser evil than what has failed, which the client is told.
          await undo().catch((failure: unknown) =>
            daemon.tell({ type: 'log', level: 'warning', text: left(name, failure) }),
          )
        }
        throw error
      }
      if (credential) {
        record(daemon, request, { verb: 'changed', noun: 'credential', name, detail: 'in the keychain' })
      }
    }
    return { file, yaml: desk.yaml('registries', name, value), ...changesOf(before), next_runs: [] }
  }
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

function left(name: string, failure: unknown): string {
  return `registry ${name} was not written, and what was kept for it could not be taken back: ${messageOf(failure)}`
}

function noKeychain(name: string): never {
  const variable = name.toUpperCase().replace(/[^A-Z0-9]/g, '_')
  throw new ApiError(409, 'no_keychain', 'this machine has no keychain for the credential: nothing was written', {
    hint: `set REPLICATE_${variable}_PASSWORD where the daemon runs, or write \`password: \${VARIABLE}\` or \`password_file\``,
  })
}

function named({ registries }: Configuration, name: string): Registry {
  const one = registries.get(name)
  if (one) return one
  throw new ApiError(404, 'not_found', `there is no registry ${name}`)
}
