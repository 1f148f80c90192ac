/** The API of Artifact Registry in memory: repositories, their images and tags, and who may push. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import type { Switches } from './switches.ts'

export interface GarRepository {
  readonly format: string
  readonly mode: string
  readonly immutableTags: boolean
}
export const STANDARD: GarRepository = { format: 'DOCKER', mode: 'STANDARD_REPOSITORY', immutableTags: false }

export interface GarState {
  readonly content: MemoryRegistry
  /** By `PROJECT/REPOSITORY`. */
  readonly known: Map<string, GarRepository>
  readonly switches: Switches
  holder(authorization: string | undefined): string | undefined
  /** Whether the holder of a token has a permission. */
  may(holder: string, permission: string): boolean
  looping(): boolean
}

export interface GarApiOptions {
  readonly disabled?: boolean
  readonly location: string
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** How often an operation must be asked for before it is done. */
const LOOKS = 2

export async function startGarApi(state: GarState, { disabled, location }: GarApiOptions) {
  const requests: string[] = []
  const operations = new Map<string, number>()
  const failure = (code: number, status: string, message: string): Answer => ({
    status: code,
    body: { error: { code, message, status, details: [] } },
  })

  function page(url: URL, key: string, all: readonly unknown[]): Answer {
    const size = Math.min(1000, Number(url.searchParams.get('pageSize') ?? 35))
    const start = Number(Buffer.from(url.searchParams.get('pageToken') ?? '', 'base64').toString() || 0)
    const isMore = start + size < all.length || state.looping()
    const next = state.looping() ? start : start + size
    return {
      status: 200,
      body: {
        [key]: all.slice(start, start + size),
        ...(isMore ? { nextPageToken: Buffer.from(String(next)).toString('base64') } : {}),
      },
    }
  }

  function answer(method: string, url: URL, authorization: string | undefined, body: string): Answer {
    const holder = state.holder(authorization)
    if (holder === undefined)
      return failure(
        401,
        'UNAUTHENTICATED',
        'Request had invalid authentication credentials. Expected OAuth 2 access token',
      )
    if (disabled)
      return failure(
        403,
        'PERMISSION_DENIED',
        'Artifact Registry API has not been used in project 1 before or it is disabled.',
      )
    const denied = (permission: string): Answer | undefined =>
      state.may(holder, permission)
        ? undefined
        : failure(403, 'PERMISSION_DENIED', `Permission '${permission}' denied on resource (or it may not exist).`)
    const operation = /^\/v1\/(projects\/[^/]+\/locations\/[^/]+\/operations\/[^/]+)$/.exec(url.pathname)?.[1]
    if (operation !== undefined) {
      const left = operations.get(operation)
      if (left === undefined) return failure(404, 'NOT_FOUND', 'no such operation')
      operations.set(operation, left - 1)
      return { status: 200, body: left > 0 ? { name: operation } : { name: operation, done: true, response: {} } }
    }
    const [, project, place, rest = ''] =
      /^\/v1\/projects\/([^/]+)\/locations\/([^/]+)\/repositories(?:\/(.+))?$/.exec(url.pathname) ?? []
    if (project === undefined || place !== location) return failure(404, 'NOT_FOUND', 'no such resource')
    const resource = (name: string): string => `projects/${project}/locations/${place}/repositories/${name}`
    const shown = (name: string, { format, mode, immutableTags }: GarRepository) => ({
      name: resource(name),
      format,
      mode,
      dockerConfig: immutableTags ? { immutableTags } : {},
    })
    if (rest === '' && method === 'GET') {
      const own = [...state.known].filter(([name]) => name.startsWith(`${project}/`))
      const list = own.map(([name, facts]) => shown(name.slice(project.length + 1), facts))
      return denied('artifactregistry.repositories.list') ?? page(url, 'repositories', list)
    }
    if (rest === '') {
      const id = url.searchParams.get('repositoryId') ?? ''
      const { format, mode } = JSON.parse(body) as { format?: string; mode?: string }
      const refused = denied('artifactregistry.repositories.create')
      if (refused) return refused
      if (!/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/.test(id) || format !== 'DOCKER')
        return failure(400, 'INVALID_ARGUMENT', 'invalid id')
      if (state.known.has(`${project}/${id}`)) return failure(409, 'ALREADY_EXISTS', 'the repository already exists')
      state.known.set(`${project}/${id}`, { ...STANDARD, mode: mode ?? STANDARD.mode })
      const name = `projects/${project}/locations/${place}/operations/${operations.size}`
      operations.set(name, LOOKS)
      return { status: 200, body: { name, metadata: {} } }
    }
    const [, id = '', verb, image] = /^([^/:]+)(:testIamPermissions|\/packages(?:\/([^/]+)\/tags)?)?$/.exec(rest) ?? []
    const facts = state.known.get(`${project}/${id}`)
    if (verb === ':testIamPermissions') {
      const { permissions } = JSON.parse(body) as { permissions: string[] }
      const held = permissions.filter((permission) => state.may(holder, permission))
      return { status: 200, body: held.length > 0 ? { permissions: held } : {} }
    }
    if (verb === undefined) {
      const refused = denied('artifactregistry.repositories.get')
      return (
        refused ??
        (facts ? { status: 200, body: shown(id, facts) } : failure(404, 'NOT_FOUND', 'Requested entity was not found.'))
      )
    }
    const base = `${project}/${id}/`
    if (image === undefined) {
      const names = [...state.content.repositories.keys()].filter((name) => name.startsWith(base)).sort()
      const list = names.map((name) => ({
        name: `${resource(id)}/packages/${encodeURIComponent(name.slice(base.length))}`,
      }))
      return denied('artifactregistry.packages.list') ?? page(url, 'packages', list)
    }
    const found = state.content.repositories.get(`${base}${decodeURIComponent(image)}`)
    if (!found) return failure(404, 'NOT_FOUND', 'Requested entity was not found.')
    const parent = `${resource(id)}/packages/${image}`
    const list = [...found.tags].map(([tag, digest]) => ({
      name: `${parent}/tags/${tag}`,
      version: `${parent}/versions/${digest}`,
    }))
    return denied('artifactregistry.tags.list') ?? page(url, 'tags', list)
  }

  const server = createServer(async (request, response) => {
    const path = request.url ?? '/'
    const method = request.method ?? 'GET'
    requests.push(`${method} ${path}`)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const fault = state.switches.answerOf({ method, path })
    const reply: Answer =
      fault ??
      answer(method, new URL(path, 'http://api'), request.headers.authorization, Buffer.concat(chunks).toString('utf8'))
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
