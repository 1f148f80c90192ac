/** GitLab in memory, below a path of its own: the token service, the API, and the registry with or without its extension. */

import { randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { createSwitches } from './switches.ts'

export const TOKEN = 'glpat-0123456789'
/** May pull and push, and not use the API. */
export const DEPLOY = { user: 'gitlab+deploy-token-1', password: 'gldt-secret' } as const

export interface GitLabOptions {
  /** false: the registry has no metadata database, so no extension. Default true. */
  readonly extended?: boolean
  /** Projects whose registry is switched off. */
  readonly disabled?: readonly string[]
  /** Repositories that are being deleted. */
  readonly going?: readonly string[]
  /** Lists are given by page numbers up to so many entries; default 50,000. */
  readonly mostByOffset?: number
}

export interface FakeGitLab extends AdapterUnderTest {
  readonly content: MemoryRegistry
  /** `group/project`; only these take pushes. A group that is named `me` is a user. */
  readonly projects: Set<string>
}

export async function startGitLab(options: GitLabOptions = {}): Promise<FakeGitLab> {
  const switches = createSwitches()
  const projects = new Set(['contract/project', 'me/project'])
  let tokens = new Map<string, readonly string[]>()
  let looping = false
  const content = await startMemoryRegistry({
    fault: switches.faultOf,
    intercept,
    authorize,
    catalog: 401,
    referrers: false,
    tagsNull: true,
  })
  const projectOf = (repository: string): string | undefined =>
    [...projects].find((project) => repository === project || repository.startsWith(`${project}/`))

  function intercept(call: Call): Reply | undefined {
    const { pathname } = call.url
    if (pathname === '/gitlab/jwt/auth') return jwt(call)
    if (pathname.startsWith('/gitlab/api/v4/')) return api(call)
    if (!pathname.startsWith('/gitlab/v1/')) return undefined
    if (options.extended === false) return text(404, '404 page not found\n')
    if (pathname === '/gitlab/v1/') throw refusal()
    return extension(call)
  }

  const refusal = (): Refusal =>
    new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
      headers: { 'www-authenticate': `Bearer realm="${content.url}/gitlab/jwt/auth",service="container_registry"` },
    })

  function scopesOf(call: Call): readonly string[] {
    const scopes = tokens.get(/^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1] ?? '')
    if (!scopes) throw refusal()
    return scopes
  }

  function authorize(call: Call): void {
    const scopes = scopesOf(call)
    for (const needed of neededScopes(call)) demand(scopes, needed)
  }

  function demand(scopes: readonly string[], needed: string): void {
    const [kind, name, actions = ''] = needed.split(':')
    const had = scopes.flatMap((scope) =>
      scope.startsWith(`${kind}:${name}:`) ? (scope.split(':')[2] ?? '').split(',') : [],
    )
    if (!actions.split(',').every((action) => had.includes(action))) throw refusal()
  }

  function jwt(call: Call): Reply {
    const header = call.headers.authorization
    const [user, ...rest] = Buffer.from((header ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const password = rest.join(':')
    const isDeploy = user === DEPLOY.user && password === DEPLOY.password
    if (header !== undefined && !isDeploy && (password !== TOKEN || user === '')) {
      return json(401, { errors: [{ code: 'UNAUTHORIZED', message: 'HTTP Basic: Access denied.' }] })
    }
    const scopes = call.url.searchParams
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter(Boolean)
    if (header === undefined) return json(403, { errors: [{ code: 'DENIED', message: 'access forbidden' }] })
    const granted = scopes.filter((scope) => {
      const project = projectOf(scope.split(':')[1] ?? '')
      return scope.startsWith('repository:') && project !== undefined && !options.disabled?.includes(project)
    })
    const value = randomBytes(8).toString('hex')
    tokens.set(value, granted)
    return json(200, { token: value })
  }

  function extension(call: Call): Reply {
    const path = /^\/gitlab\/v1\/repositories\/(.+)\/tags\/list\/$/.exec(call.url.pathname)?.[1]
    if (path === undefined) return text(404, '404 page not found\n')
    demand(scopesOf(call), `repository:${path}:pull`)
    const repository = content.repositories.get(path)
    if (!repository) throw new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry')
    const size = Number(call.url.searchParams.get('n') ?? 100)
    if (size > 1000)
      throw new Refusal(400, 'INVALID_QUERY_PARAMETER_VALUE', 'the "n" query parameter must be at most 1000')
    const all = [...repository.tags].sort(([a], [b]) => (a < b ? -1 : 1))
    const last = call.url.searchParams.get('last')
    const start = last === null || looping ? 0 : all.findIndex(([tag]) => tag > last)
    const page = start < 0 ? [] : all.slice(start, start + size)
    const more = looping || start + size < all.length
    const self = `${content.url}${call.url.pathname}?n=${size}`
    const link = `<${self}&last=${looping ? 'same' : page.at(-1)?.[0]}>; rel="next", <${self}&before=x>; rel="previous"`
    const tags = page.map(([name, digest]) => ({
      name,
      digest,
      media_type: 'application/vnd.oci.image.manifest.v1+json',
      size_bytes: 7,
      created_at: '2026-01-02T03:04:05.000+00:00',
    }))
    return json(200, tags, more ? { link } : {})
  }

  function api(call: Call): Reply {
    const { url, headers } = call
    if (headers.authorization !== `Bearer ${TOKEN}`) return json(401, { message: '401 Unauthorized' })
    const [kind, id = '', ...rest] = url.pathname.slice('/gitlab/api/v4/'.length).split('/').map(decodeURIComponent)
    const under = (prefix: string) =>
      [...content.repositories.keys()]
        .filter((name) => name.startsWith(`${prefix}/`) || name === prefix)
        .map((path) => ({ path, status: options.going?.includes(path) ? 'delete_ongoing' : null }))
    if (kind === 'groups' && rest.join('/') === 'registry/repositories') {
      return id === 'me' ? json(404, { message: '404 Group Not Found' }) : page(call, under(id))
    }
    const listed = [...projects]
    if (kind === 'projects' && id === '') {
      return page(
        call,
        listed.map((path, at) => ({
          id: at + 1,
          path_with_namespace: path,
          container_registry_access_level: 'enabled',
        })),
      )
    }
    const project = listed[Number(id) - 1]
    if (kind !== 'projects' || project === undefined) return json(404, { message: '404 Not Found' })
    return options.disabled?.includes(project) ? json(403, { message: '403 Forbidden' }) : page(call, under(project))
  }

  function page(call: Call, all: readonly unknown[]): Reply {
    const { searchParams } = call.url
    const size = Math.min(100, Number(searchParams.get('per_page') ?? 20))
    const isKeyset = searchParams.get('pagination') === 'keyset'
    const cursor = isKeyset ? 'cursor' : 'page'
    const number = Number(searchParams.get(cursor) ?? 1)
    const most = options.mostByOffset ?? 50_000
    if (!isKeyset && number * size > most) {
      const message = `Offset pagination has a maximum allowed offset of ${most} for requests that return objects of type ContainerRepository.`
      return json(405, { error: message })
    }
    const next = new URL(call.url.pathname + call.url.search, content.url)
    next.searchParams.set(cursor, String(number + 1))
    return json(
      200,
      all.slice((number - 1) * size, number * size),
      number * size < all.length ? { link: `<${next.href}>; rel="next"` } : {},
    )
  }

  return {
    content,
    projects,
    registry: { name: 'it', type: 'gitlab', url: content.url },
    env: { REPLICATE_IT_USERNAME: 'someone', REPLICATE_IT_PASSWORD: TOKEN },
    namespace: 'contract/project',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      tokens = new Map()
    },
    close: () => content.close(),
  }
}
