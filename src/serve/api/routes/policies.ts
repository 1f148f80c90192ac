/** Policies: as their files have them, and changed there. */

import { z } from 'zod'
import { definitionsOf } from '../../../config/document/definition.ts'
import { policyJson } from '../../../config/document/policy.ts'
import type { Edited } from '../../../config/edit/file.ts'
import type { Configuration } from '../../../config/load.ts'
import type { Policy } from '../../../core/policy.ts'
import { comingRunJson, comingRuns } from '../../../core/schedule.ts'
import { isFinal } from '../../../core/states.ts'
import type { Daemon } from '../../parts.ts'
import { expectNoVariables, expectOwn } from '../auth/scope.ts'
import type { Sender } from '../auth/tokens.ts'
import type { Plain } from '../desk.ts'
import { type Change, change, changesOf } from '../editing.ts'
import { policyOf } from '../policies.ts'
import { ApiError } from '../problem.ts'
import { type Api, callerOf, pageHeaders, problems } from '../route.ts'
import {
  changedPolicy,
  draft,
  editQuery,
  handlerRequest,
  ifMatch,
  listQuery,
  newPolicy,
  policy,
  policyDetail,
  policyParams,
} from '../schema/definition.ts'

const PATH = '/replication/policies'
const tags = ['policies']
const CHANGES = [404, 409, 412, 422] as const
/** Times of its schedules that a dry run tells. */
const NEXT_RUNS = 3

type Fields = Readonly<Record<string, Plain>>

/** What a policy is to be, and the edits that make it so where they are others than setting it. */
type Wanted = { readonly value: Fields } & Partial<Pick<Change, 'edits' | 'noted'>>

export function addPolicies(app: Api, daemon: Daemon): void {
  const { program } = daemon
  const { desk, history, clock } = program

  function shown(
    one: Policy,
    configuration: Configuration,
    defined = definitionsOf(configuration, history.definitions.get),
  ): z.infer<typeof policy> {
    return {
      ...policyJson(one, { now: clock.now(), definition: defined('policy', one.name) }),
      name: one.name,
      enabled: one.enabled,
      src_registry: one.source.registry,
      dest_registry: one.destination.registry,
      src_registry_id: one.source.registry,
      dest_registry_id: one.destination.registry,
      file: configuration.policyFile(one.name) ?? null,
      last_execution: lastOf(one.name),
    } as z.infer<typeof policy>
  }

  function lastOf(name: string): z.infer<typeof policy>['last_execution'] {
    const last = history.executions.lastOf(name)
    return last ? { ...last, left_behind: { ...last.left_behind } } : null
  }

  async function detail(id: string): Promise<{ readonly body: z.infer<typeof policyDetail>; readonly etag: string }> {
    const configuration = await desk.read()
    const one = policyOf(configuration, history, id)
    const { file, etag } = await placeOf(configuration, one.name)
    const definition = await desk.written('policies', one.name, file)
    return { body: { ...shown(one, configuration), definition: definition as Record<string, unknown> }, etag }
  }

  async function placeOf(configuration: Configuration, name: string): Promise<{ file: string; etag: string }> {
    const file = configuration.policyFile(name) ?? desk.home
    return { file, etag: await desk.etag(file) }
  }

  /** Checks what it would be before it is written. */
  async function changed(caller: Sender, wanted: Change): Promise<z.infer<typeof draft>> {
    const { name, file, value } = wanted
    const named = ({ configuration }: Edited) => configuration.policies.find((one) => one.name === name)
    const edited = await change(daemon, caller, {
      ...wanted,
      expect(would) {
        const after = named(would)
        if (after) expectOwn(caller, after, would.configuration)
      },
    })
    const after = named(edited)
    const yaml = value === undefined ? '' : desk.yaml('policies', name, value)
    return { file, yaml, ...changesOf(edited), next_runs: after ? nextRuns(after, clock.now()) : [] }
  }

  app.route({
    method: 'GET',
    url: PATH,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'Policies, in the order of their files',
      querystring: listQuery,
      response: { 200: z.array(policy), ...problems() },
    },
    async handler(request, reply) {
      const { page, page_size } = request.query
      const { configuration } = daemon.current()
      const { policies } = configuration
      const defined = definitionsOf(configuration, history.definitions.get)
      pageHeaders(request, reply, { page, page_size, total: policies.length })
      return policies.slice((page - 1) * page_size, page * page_size).map((one) => shown(one, configuration, defined))
    },
  })

  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'One policy, with the `ETag` of its file',
      params: policyParams,
      response: { 200: policyDetail, ...problems(404, 422) },
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
    config: { role: 'maintainer' },
    schema: {
      tags,
      description: 'Writes a new policy into the file, comments and order of the rest stay',
      querystring: editQuery,
      body: newPolicy,
      response: { 200: draft, 201: policyDetail, ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const { name, definition } = request.body
      const caller = callerOf(request)
      expectNoVariables(caller, name, definition)
      const configuration = await desk.read()
      if (configuration.policies.some((one) => one.name === name)) {
        throw new ApiError(409, 'exists', `there is a policy ${name} already`)
      }
      const file = desk.home
      const edits = [{ set: ['policies', name], to: definition }]
      const dry = request.query.dry_run
      const written = await changed(caller, { kind: 'policies', name, file, edits, value: definition, dry })
      if (dry) return written
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
    config: { role: 'maintainer' },
    schema: {
      tags,
      description: 'Changes it in its file',
      params: policyParams,
      querystring: editQuery,
      headers: ifMatch,
      body: changedPolicy,
      response: { 200: policyDetail.or(draft), ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const { id } = request.params
      const { body } = request
      const caller = callerOf(request)
      if ('definition' in body) expectNoVariables(caller, id, body.definition)
      const edit = 'enabled' in body ? enabling(body.enabled) : () => ({ value: body.definition })
      const written = await update(caller, id, edit, request.headers['if-match'], request.query.dry_run)
      if (written) return written
      const now = await detail(id)
      reply.header('etag', now.etag)
      return now.body
    },
  })

  app.route({
    method: 'POST',
    url: `${PATH}/:id/handlers`,
    config: { role: 'admin' },
    schema: {
      tags,
      description: 'Has a handler asked before an execution copies anything: it becomes `prepare`',
      params: policyParams,
      body: handlerRequest,
      response: { 200: policyDetail, ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const { events, handler_url, abort_code } = request.body
      if (events?.some((event) => event !== 'prepare')) {
        throw new ApiError(422, 'unsupported', 'the only event that a handler is asked for is `prepare`')
      }
      const prepare = { handler: handler_url, ...(abort_code ? { abort_on: abort_code } : {}) }
      await update(
        callerOf(request),
        request.params.id,
        (value) => ({ value: { ...value, prepare } }),
        undefined,
        false,
      )
      const now = await detail(request.params.id)
      reply.header('etag', now.etag)
      return now.body
    },
  })

  app.route({
    method: 'DELETE',
    url: `${PATH}/:id`,
    config: { role: 'maintainer' },
    schema: {
      tags,
      description: 'Removes it from its file; its executions stay in the history',
      params: policyParams,
      headers: ifMatch,
      response: { 204: z.undefined(), ...problems(...CHANGES) },
    },
    async handler(request, reply) {
      const caller = callerOf(request)
      const configuration = await desk.read()
      const policy = policyOf(configuration, history, request.params.id)
      const { name } = policy
      expectOwn(caller, policy, configuration)
      const last = history.executions.lastOf(name)
      if (last && !isFinal(last.status)) {
        throw new ApiError(409, 'running', `policy ${name} is running: execution ${last.id}`, { execution: last.id })
      }
      const { file } = await placeOf(configuration, name)
      const edits = [{ remove: ['policies', name] }]
      await change(daemon, caller, { kind: 'policies', name, file, edits, ifMatch: request.headers['if-match'] })
      reply.code(204)
    },
  })

  /** The draft of a dry run; undefined where it was written. */
  async function update(
    caller: Sender,
    id: string,
    edit: (value: Fields, policy: Policy) => Wanted,
    match: string | undefined,
    dry: boolean,
  ): Promise<z.infer<typeof draft> | undefined> {
    const configuration = await desk.read()
    const policy = policyOf(configuration, history, id)
    const { name } = policy
    expectOwn(caller, policy, configuration)
    const { file, etag } = await placeOf(configuration, name)
    const before = await desk.written('policies', name, file)
    const { value, ...how } = edit((before ?? {}) as Fields, policy)
    const wanted = { edits: [{ set: ['policies', name], to: value }], value, ...how }
    // What was read here is what is changed.
    const ifMatch = match ?? etag
    const written = await changed(caller, { kind: 'policies', name, file, ...wanted, ifMatch, dry })
    return dry ? written : undefined
  }
}

function nextRuns(policy: Policy, now: number): z.infer<typeof draft>['next_runs'] {
  const runs: z.infer<typeof draft>['next_runs'] = []
  for (const run of comingRuns([policy], now)) {
    runs.push(comingRunJson(run))
    if (runs.length === NEXT_RUNS) break
  }
  return runs
}

/** One line. Enabled is the default and needs none. */
function enabling(enabled: boolean) {
  return (value: Fields, policy: Policy): Wanted => ({
    value: { ...value, enabled },
    edits: policy.enabled === enabled ? [] : [{ set: ['policies', policy.name, 'enabled'], to: enabled }],
    noted: false,
  })
}
