/** The fake Harbor's own API: projects, robots, repositories, artifacts, labels, rules; what it checks and what it refuses. */

import type { Call, Reply } from '../support/memory-registry.ts'
import { json, text } from '../support/memory-reply.ts'
import { makeAccount, setMember } from './harbor-accounts.ts'
import { answerArtifacts } from './harbor-artifacts.ts'
import { listed } from './harbor-pages.ts'
import {
  type Account,
  type HarborState,
  type Label,
  may,
  type Project,
  refused,
  sees,
  usedBytes,
} from './harbor-state.ts'

export interface Ask {
  readonly method: string
  readonly url: URL
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
  readonly account: Account | undefined
  readonly state: HarborState
  /** A project's name is a name, also where it is a number. */
  readonly byName: boolean
}

/** Requests below `/api/`. A wrong password counts as anonymous access. */
export async function answerApi(call: Call, account: Account | undefined, state: HarborState): Promise<Reply> {
  const { method, url, headers } = call
  if (url.pathname === '/api/version') return json(200, { version: 'v2.0' })
  const path = url.pathname.replace(/^\/api\/v2\.0/, '')
  const isWrite = method !== 'GET' && method !== 'HEAD'
  if (isWrite && headers.cookie?.includes('sid=')) throw refused(403, 'FORBIDDEN', 'CSRF token not found in request')
  if (isWrite && state.readOnly && path !== '/configurations') {
    throw refused(403, 'DENIED', 'The system is in read only mode. Any modification is prohibited.')
  }
  const bytes = await bodyOf(call)
  if (bytes.length > 0 && headers['content-type'] !== 'application/json') throw invalid('unsupported media type')
  const body = bytes.length > 0 ? (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>) : {}
  const byName = headers['x-is-resource-name'] === 'true'
  const ask: Ask = { method, url, query: url.searchParams, body, account, state, byName }
  const [, first = '', second, third, ...rest] = path.split('/')
  if (first === 'ping') return text(200, 'Pong')
  if (first === 'systeminfo') return systemInfo(ask)
  if (first === 'configurations' && method === 'PUT') return configure(ask)
  if (first === 'users' && second === 'current') return currentUser(ask)
  if (first === 'users' || first === 'robots') return makeAccount(ask, first)
  if (first === 'registries') return method === 'POST' ? { status: 201 } : json(200, [{ id: 1, name: 'up' }])
  if (first === 'repositories') return allRepositories(ask)
  if (first === 'labels') return labels(ask)
  if (first === 'projects' && second === undefined) return projects(ask)
  if (first === 'projects') return inProject(ask, decodeURIComponent(second ?? ''), third, rest)
  throw refused(404, 'NOT_FOUND', `path ${url.pathname} was not found`)
}

function systemInfo({ account, state }: Ask): Reply {
  const known = {
    harbor_version: 'v2.15.2-080b0220',
    read_only: state.readOnly,
    project_creation_restriction: 'adminonly',
  }
  return json(200, { auth_mode: 'db_auth', self_registration: false, ...(account ? known : {}) })
}

function configure({ account, body, state }: Ask): Reply {
  if (!account?.admin) throw forbidden(account)
  state.readOnly = body.read_only === true
  return { status: 200 }
}

function currentUser({ account }: Ask): Reply {
  if (!account) throw unauthorized()
  if (account.kind === 'robot') {
    const why = 'get current user not available for security context: robot'
    throw refused(412, 'PRECONDITION', why)
  }
  return json(200, { username: account.name, sysadmin_flag: account.admin === true })
}

function projects(ask: Ask): Reply {
  const { method, query, account, body, state } = ask
  if (method === 'HEAD') {
    if (!account) throw unauthorized()
    return { status: state.projects.has(query.get('project_name') ?? '') ? 200 : 404 }
  }
  if (method === 'GET') {
    const all = [...state.projects.values()].filter((project) => sees(account, project))
    return listed(ask, all, ({ name }) => name, shownProject)
  }
  if (!account) throw unauthorized()
  const name = String(body.project_name ?? '')
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) {
    throw refused(400, 'BAD_REQUEST', 'project name is not in lower case or contains illegal characters')
  }
  if (!account.admin && !account.rights?.get('/')?.has('project:create')) {
    throw refused(403, 'FORBIDDEN', 'Only system admin can create project')
  }
  if (state.projects.has(name)) throw refused(409, 'CONFLICT', `The project named ${name} already exists`)
  const metadata = body.metadata as { public?: unknown; enable_content_trust_cosign?: unknown } | undefined
  if (metadata?.public !== undefined && typeof metadata.public !== 'string') throw invalid('metadata.public')
  const id = state.next()
  state.projects.set(name, {
    id,
    name,
    public: metadata?.public === 'true',
    trust: metadata?.enable_content_trust_cosign === 'true',
    limit: Number(body.storage_limit ?? -1),
    ...(typeof body.registry_id === 'number' ? { registry: body.registry_id } : {}),
    immutable: [],
    members: new Map([[account.name, 1]]),
  })
  return { status: 201, headers: { location: `/api/v2.0/projects/${id}` } }
}

function shownProject({ id, name, registry }: Project): Readonly<Record<string, unknown>> {
  return { project_id: id, name, ...(registry === undefined ? {} : { registry_id: registry }) }
}

async function inProject(ask: Ask, given: string, third: string | undefined, rest: readonly string[]): Promise<Reply> {
  const { method, account, body, state } = ask
  const byNumber = [...state.projects.values()].find(({ id }) => String(id) === given)
  const named = state.projects.get(given)
  const project = ask.byName || third === 'repositories' ? named : (byNumber ?? named)
  const needs = (right: string): Project => {
    if (!account && !(project?.public && may(account, project, right))) throw unauthorized()
    if (!may(account, project, right)) throw forbidden(account)
    if (!project) throw refused(404, 'NOT_FOUND', `project ${given} not found`)
    return project
  }
  if (third === undefined) {
    const found = needs('project:read')
    return json(200, { ...shownProject(found), metadata: { public: String(found.public) } })
  }
  if (third === 'summary') {
    const { name, limit } = needs('quota:read')
    return json(200, { quota: { hard: { storage: limit }, used: { storage: usedBytes(state, name) } } })
  }
  if (third === 'members' && method === 'POST') return setMember(ask, needs('member:create'))
  if (third === 'immutabletagrules') {
    const { immutable } = needs('immutable-tag:list')
    if (method === 'GET')
      return listed(
        ask,
        immutable,
        ({ id }) => String(id),
        ({ id, body: rule }) => ({ id, ...rule }),
      )
    immutable.push({ id: state.next(), body })
    return { status: 201 }
  }
  if (third === 'repositories') return answerArtifacts(ask, given, project, needs, rest)
  throw refused(404, 'NOT_FOUND', `path ${ask.url.pathname} was not found`)
}

/** Everybody gets what he may pull or list. */
function allRepositories(ask: Ask): Reply {
  const { account, state } = ask
  const shown = [...state.content.repositories]
    .filter(([name, { manifests }]) => {
      const project = state.projects.get(name.split('/', 1)[0] ?? '')
      return manifests.size > 0 && project && project.registry === undefined && sees(account, project)
    })
    .map(([name]) => name)
  return listed(
    ask,
    shown,
    (name) => name,
    (name) => ({ id: repositoryId(state, name), name, artifact_count: 1 }),
  )
}

function repositoryId(state: HarborState, name: string): number {
  return [...state.content.repositories.keys()].indexOf(name) + 1
}

function labels(ask: Ask): Reply {
  const { method, query, body, account, state } = ask
  const { scope, project_id } = method === 'GET' ? Object.fromEntries(query) : body
  if (scope !== 'g' && scope !== 'p') throw refused(400, 'BAD_REQUEST', `invalid scope: ${scope}`)
  const number = Number(project_id ?? 0)
  const project = [...state.projects.values()].find(({ id }) => id === number)
  if (method === 'GET') {
    if (scope === 'p' && !may(account, project, 'label:list')) throw account ? forbidden(account) : unauthorized()
    const found = state.labels.filter(
      (label) => label.scope === scope && (scope === 'g' || label.project_id === number),
    )
    const name = query.get('name')
    return listed(
      ask,
      name === null ? found : found.filter((it) => it.name.includes(name)),
      (it) => it.name,
      shownLabel,
    )
  }
  if (!account) throw unauthorized()
  if (scope === 'g' ? !account.admin : !may(account, project, 'label:create')) throw forbidden(account)
  const name = String(body.name)
  if (state.labels.some((label) => label.name === name && label.scope === scope && label.project_id === number)) {
    throw refused(409, 'CONFLICT', `label ${name} already exist`)
  }
  const label: Label = { id: state.next(), name, scope, project_id: number }
  state.labels.push(label)
  return { status: 201, headers: { location: `/api/v2.0/labels/${label.id}` } }
}

export function shownLabel(label: Label): Readonly<Record<string, unknown>> {
  return { ...label, color: '#0065AB' }
}

export function unauthorized() {
  return refused(401, 'UNAUTHORIZED', 'unauthorized: unauthorized')
}

export function forbidden(account: Account | undefined) {
  return refused(403, 'FORBIDDEN', account?.kind === 'robot' ? account.name : 'forbidden')
}

/** What breaks the API's schema. */
export function invalid(what: string) {
  return refused(422, 'UNPROCESSABLE_ENTITY', `validation failure list:\n${what}`)
}

async function bodyOf(call: Call): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of call.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
