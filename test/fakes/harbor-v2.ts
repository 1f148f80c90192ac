/** The fake Harbor below `/v2/`: who may do what, its token service, and what it refuses beyond a plain registry. */

import { referencesOf } from '../support/memory-manifests.ts'
import type { Call, Reply } from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { answer, neededScopes } from '../support/memory-routes.ts'
import { immutableRule } from './harbor-immutable.ts'
import { type HarborState, may, projectOf, refused, signedIn, usedBytes } from './harbor-state.ts'

const PATH = /^\/v2\/(?<name>.+)\/(?<kind>manifests|blobs\/uploads|blobs|tags|referrers)\/(?<reference>[^/]*)$/

/** Answers as Harbor would: checked before, reworded after. */
export async function answerV2(call: Call, state: HarborState): Promise<Reply> {
  const { name = '', kind = '', reference = '' } = PATH.exec(call.url.pathname)?.groups ?? {}
  const isWrite = call.method !== 'GET' && call.method !== 'HEAD'
  if (state.readOnly && isWrite) {
    throw refused(403, 'DENIED', 'The system is in read only mode. Any modification is prohibited.')
  }
  if (name !== '') {
    allow(call, state)
    checkWrite(call, state, name, kind, reference)
    if (kind === 'manifests' && !isWrite) checkTrust(state, name, reference)
  }
  const plain = { ...call.state.options, intercept: () => undefined, authorize: () => {} }
  const inner = { ...call.state, options: plain, authorize: (it: Call) => allow(it, state) }
  let reply: Reply
  try {
    reply = await answer({ ...call, state: inner })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    reply = error.reply
  }
  if (kind === 'manifests' && call.method === 'PUT' && reply.status === 201) note(state, name, reply)
  return reworded(reply, call, name, reference)
}

/** What is absent is NOT_FOUND, whatever it is; a manifest that is there but not accepted is not. */
function reworded(reply: Reply, call: Call, name: string, reference: string): Reply {
  const body = reply.status === 404 && reply.body && 'byteLength' in reply.body ? String(Buffer.from(reply.body)) : ''
  if (!/"NAME_UNKNOWN"|"MANIFEST_UNKNOWN"/.test(body) || body.includes('accept header')) return reply
  const isRepository = body.includes('NAME_UNKNOWN')
  const what = isRepository
    ? `repository ${name}`
    : `artifact ${name}${reference.includes(':') ? '@' : ':'}${reference}`
  const told = json(404, { errors: [{ code: 'NOT_FOUND', message: `${what} not found` }] })
  return call.method === 'HEAD' ? { ...told, body: Buffer.alloc(0) } : told
}

function note(state: HarborState, name: string, reply: Reply): void {
  const key = `${name}@${reply.headers?.['docker-content-digest']}`
  const known = state.artifacts.get(key)
  state.artifacts.set(key, { id: known?.id ?? state.next(), time: new Date().toISOString() })
}

/** Throws where the request's account may not. */
export function allow(call: Call, state: HarborState): void {
  const { authorization } = call.headers
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
  const account = signedIn(state, authorization)
  const scopes = neededScopes(call)
  const bearer = `Bearer realm="${call.state.url}/service/token",service="harbor-registry"`
  const basic = { 'www-authenticate': 'Basic realm="harbor"' }
  if (call.url.pathname === '/v2/_catalog') {
    if (account?.admin || account?.rights?.get('/')?.has('catalog:read')) return
    throw refused(401, 'UNAUTHORIZED', 'unauthorized to list catalog: unauthorized to list catalog', basic)
  }
  if (scopes.length === 0) {
    if (account || (token !== undefined && state.tokens.get(token)?.account)) return
    const challenge = authorization === undefined ? { 'www-authenticate': bearer } : basic
    throw refused(401, 'UNAUTHORIZED', 'unauthorized: unauthorized', challenge)
  }
  for (const scope of scopes) {
    const [, repository = '', actions = ''] = scope.split(':')
    const project = projectOf(state, repository)
    if (authorization === undefined && (project || call.method === 'GET' || call.method === 'HEAD')) {
      throw refused(401, 'UNAUTHORIZED', `unauthorized to access repository: ${repository}`, {
        'www-authenticate': `${bearer},scope="${scopes.join(' ')}"`,
      })
    }
    if (!project) {
      const name = repository.split('/', 1)[0]
      throw refused(401, 'UNAUTHORIZED', `project ${name} not found: project ${name} not found`, {
        'www-authenticate': '',
      })
    }
    const granted = token === undefined ? undefined : state.tokens.get(token)?.actions.get(project.name)
    const isAllowed = actions
      .split(',')
      .every((action) => (token === undefined ? may(account, project, `repository:${action}`) : granted?.has(action)))
    if (!isAllowed) {
      throw refused(401, 'UNAUTHORIZED', `unauthorized to access repository: ${repository}, action: ${actions}`, basic)
    }
  }
}

/** A token has all that its holder may, whatever was asked for, and counts for the whole project. */
export function issueToken(call: Call, state: HarborState): Reply {
  if (call.method !== 'GET') return text(405, 'Method Not Allowed')
  const query = call.url.searchParams
  if (query.get('service') !== 'harbor-registry') return text(400, `Unable to handle service: ${query.get('service')}`)
  const { authorization } = call.headers
  const account = signedIn(state, authorization)
  const scopes = query.getAll('scope').flatMap((scope) => scope.split(' '))
  if (!account && (authorization !== undefined || scopes.length === 0)) return { status: 401, body: Buffer.alloc(0) }
  const actions = new Map<string, Set<string>>()
  const access = scopes.map((scope) => {
    const [type = '', name = ''] = scope.split(':')
    const project = projectOf(state, name)
    const granted = ['pull', 'push', 'delete'].filter((action) => may(account, project, `repository:${action}`))
    if (project && granted.length > 0) actions.set(project.name, new Set(granted))
    return { type, name, actions: project ? granted : [] }
  })
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: 'harbor-token-issuer',
    aud: 'harbor-registry',
    sub: account?.name ?? '',
    jti: state.next(),
    access,
  }
  const token = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${part('signed')}`
  state.tokens.set(token, { account, actions })
  return json(200, { token, access_token: '', expires_in: 1800, issued_at: new Date().toISOString() })
}

/** Refuses an artifact without a signature; signatures themselves are given. */
function checkTrust(state: HarborState, name: string, reference: string): void {
  if (!projectOf(state, name)?.trust || reference.startsWith('sha256-')) return
  const { tags, manifests } = state.content.repositories.get(name) ?? { tags: new Map(), manifests: new Map() }
  const digest = tags.get(reference) ?? reference
  if (!manifests.has(digest) || tags.has(`${digest.replace(':', '-')}.sig`)) return
  throw refused(412, 'PROJECTPOLICYVIOLATION', 'The image is not signed by cosign.')
}

function checkWrite(call: Call, state: HarborState, name: string, kind: string, reference: string): void {
  const { method } = call
  const project = projectOf(state, name)
  if (!project || method === 'GET' || method === 'HEAD') return
  if (project.registry !== undefined && method !== 'DELETE') {
    throw refused(403, 'DENIED', `denied: can not push artifact to a proxy project: ${project.name}`)
  }
  if (method === 'DELETE' && kind === 'manifests') {
    checkDelete(state, name, reference)
    return
  }
  if (method !== 'PUT') return
  const adding = Number(call.headers['content-length'] ?? 0)
  const used = usedBytes(state, project.name)
  if (project.limit >= 0 && used + adding > project.limit) {
    const message = `adding ${adding} B of storage resource, which when updated to current usage of ${used} B will exceed the configured upper limit of ${project.limit} B.`
    throw refused(403, 'DENIED', message)
  }
  const isTagged = kind === 'manifests' && state.content.repositories.get(name)?.tags.has(reference)
  if (isTagged && immutableRule(project, name, reference)) {
    const [, ...path] = name.split('/')
    const message = `Failed to process request due to '${path.join('/')}:${reference}' configured as immutable.`
    throw refused(412, 'PRECONDITION', message)
  }
}

/** Of an artifact by its digest; by tag there is no such thing here. */
export function checkDelete(state: HarborState, name: string, digest: string): void {
  const project = projectOf(state, name)
  const repository = state.content.repositories.get(name)
  if (!digest.includes(':')) {
    throw refused(400, 'UNSUPPORTED', `unsupported digest ${digest}: invalid checksum digest format`)
  }
  if (!project || !repository) return
  for (const [tag, target] of repository.tags) {
    if (target === digest && immutableRule(project, name, tag)) {
      throw refused(412, 'PRECONDITION', `the tag ${tag} configured as immutable, cannot be deleted`)
    }
  }
  for (const { mediaType, bytes } of repository.manifests.values()) {
    if (referencesOf(mediaType, bytes).manifests.includes(digest)) {
      throw refused(412, 'VIOLATE_FOREIGN_KEY_CONSTRAINT', 'the deleting artifact is referenced by others')
    }
  }
}
