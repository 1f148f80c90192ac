/** Artifactory in memory: the Docker API below each key, the query language as far as tags need it, and the API of keys. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const ADMIN = { user: 'admin', password: 'admin-secret' } as const
/** May pull, push and not overwrite; creates nothing. */
export const DEPLOYER = { user: 'deployer', password: 'deployer-secret' } as const
export const ACCESS_TOKEN = 'eyJ-access-token'

export interface ArtifactoryOptions {
  /** Ordinary users get so many rows of a query, and a note that some are left out. */
  readonly trimmedAt?: number
  /** The query language is refused. */
  readonly noQueries?: boolean
  /** The database sorts as people do, so that `main` stands before `PR`. */
  readonly collation?: boolean
  /** Keys that the account sees and may not read. */
  readonly unreadable?: readonly string[]
}

export interface FakeArtifactory extends AdapterUnderTest {
  readonly content: MemoryRegistry
  /** By key: `LOCAL`, `REMOTE`, `VIRTUAL`. */
  readonly keys: Map<string, string>
  /** How layers came: `PATCH` or `PUT` with the number of bytes. */
  readonly uploads: string[]
}

interface Row {
  readonly repo: string
  readonly path: string
  readonly name: string
  readonly sha256: string
}

export async function startArtifactory(options: ArtifactoryOptions = {}): Promise<FakeArtifactory> {
  const switches = createSwitches()
  const keys = new Map([['contract', 'LOCAL']])
  const uploads: string[] = []
  let running = 0
  let looping = false
  const content = await startMemoryRegistry({ fault: switches.faultOf, intercept, pageSize: 100 })

  const failure = (status: number, message: string): Reply => json(status, { errors: [{ status, message }] })

  function userOf({ headers }: Call): string | undefined {
    const { authorization } = headers
    if (authorization === `Bearer ${ACCESS_TOKEN}`) return ADMIN.user
    const [user, ...rest] = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    return [ADMIN, DEPLOYER].find((known) => known.user === user && known.password === rest.join(':'))?.user
  }

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (!pathname.startsWith('/artifactory/')) return text(404, 'the reverse proxy does not know it')
    const user = userOf(call)
    if (user === undefined) {
      return json(
        401,
        { errors: [{ status: 401, message: 'Bad credentials' }] },
        { 'www-authenticate': 'Basic realm="Artifactory Realm"' },
      )
    }
    if (call.method === 'POST' && pathname === '/artifactory/api/search/aql') return aql(call, user)
    const [, key, docker] = /^\/artifactory\/api\/docker\/([^/]+)(\/v2\/.*)$/.exec(pathname) ?? []
    if (key !== undefined && docker !== undefined) return dockerApi(call, key, docker, user)
    if (pathname.startsWith('/artifactory/api/repositories')) return repositories(call, user)
    return call.method === 'DELETE'
      ? remove(decodeURIComponent(pathname.slice('/artifactory/'.length)))
      : failure(404, 'Not Found')
  }

  function dockerApi(call: Call, key: string, path: string, user: string): Reply | undefined {
    const accept = call.headers.accept ?? ''
    if (!keys.has(key)) return failure(404, `Repository ${key} not found`)
    if (options.unreadable?.includes(key)) return failure(403, 'Forbidden')
    if (/manifest/.test(accept) && !path.includes('/manifests/')) return failure(406, 'Not Acceptable')
    if (path === '/v2/_catalog') {
      const names = [...content.repositories.keys()].filter((name) => name.startsWith(`${key}/`))
      const n = Number(call.url.searchParams.get('n') ?? 100)
      const last = call.url.searchParams.get('last') ?? ''
      const rest = names.map((name) => name.slice(key.length + 1)).filter((name) => name > last)
      const page = rest.sort().slice(0, n)
      const link = `</artifactory/api/docker/${key}/v2/_catalog?n=${n}&last=${page.at(-1)}>; rel="next"`
      return json(200, { repositories: page }, rest.length > n ? { link } : {})
    }
    const length = Number(call.headers['content-length'] ?? 0)
    if (path.includes('/blobs/uploads/') && length > 0) {
      uploads.push(`${call.method} ${length}`)
      if (call.method === 'PUT') throw new Refusal(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
    }
    const [, image, tag] = /^\/v2\/(.+)\/manifests\/([^:]+)$/.exec(path) ?? []
    if (
      call.method === 'PUT' &&
      user !== ADMIN.user &&
      tag &&
      content.repositories.get(`${key}/${image}`)?.tags.has(tag)
    ) {
      throw new Refusal(
        403,
        'DENIED',
        `Not enough permissions to delete/overwrite artifact '${key}:${image}/${tag}/manifest.json' (user: '${user}' needs DELETE permission).`,
      )
    }
    if (keys.get(key) === 'REMOTE' && call.method !== 'GET' && call.method !== 'HEAD')
      return failure(403, 'remote repository')
    call.url.pathname = `/v2/${key}${path.slice('/v2'.length)}`
    return undefined
  }

  const compare = (a: string, b: string): number =>
    options.collation ? a.localeCompare(b, 'en') : a < b ? -1 : a === b ? 0 : 1

  async function aql(call: Call, user: string): Promise<Reply> {
    if (options.noQueries) return failure(403, 'AQL is not allowed')
    running += 1
    try {
      const chunks: Buffer[] = []
      for await (const chunk of call.body) chunks.push(chunk)
      const query = Buffer.concat(chunks).toString('utf8')
      // Longer than a client needs to send another.
      await sleep(5)
      if (running > 3) return failure(429, 'too many queries')
      if (query.length > 6000) return failure(400, 'the query is too long')
      const [, found, fields, limit] =
        /^items\.find\((.*)\)\.include\((.*)\)\.sort\(\{"\$asc":\["path"\]\}\)\.limit\((\d+)\)$/.exec(query) ?? []
      if (found === undefined || !['"repo"', '"path"', '"name"'].every((field) => fields?.includes(field)))
        return failure(400, 'Failed to parse query')
      const { repo, $or, $and } = JSON.parse(found) as {
        repo: string
        $or: { name: string }[]
        $and: { path: { $match?: string; $nmatch?: string; $gt?: string } }[]
      }
      const matches = (pattern: string, path: string): boolean =>
        new RegExp(
          `^${pattern
            .split('*')
            .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
            .join('.*')}$`,
        ).test(path)
      const rows = rowsOf(repo)
        .filter(({ name }) => $or.some((one) => one.name === name))
        .filter(({ path }) =>
          $and.every(
            ({ path: { $match, $nmatch, $gt } }) =>
              ($match === undefined || matches($match, path)) &&
              ($nmatch === undefined || !matches($nmatch, path)) &&
              ($gt === undefined || looping || compare(path, $gt) > 0),
          ),
        )
        .sort((a, b) => compare(a.path, b.path))
      const most = Math.min(Number(limit), user === ADMIN.user ? Number.POSITIVE_INFINITY : (options.trimmedAt ?? 1000))
      const results = rows.slice(0, looping ? 1 : most)
      const isTrimmed = looping || (rows.length > most && most < Number(limit))
      const notification = isTrimmed
        ? { notification: 'AQL query reached the search hard limit, results are trimmed.' }
        : {}
      return json(200, {
        results,
        range: { start_pos: 0, end_pos: results.length, total: results.length, limit: most, ...notification },
      })
    } finally {
      running -= 1
    }
  }

  /** A local repository keeps each manifest under its tag, and under its digest where it was pushed so; beside it lie the layers. */
  function rowsOf(key: string): readonly Row[] {
    if (keys.get(key) !== 'LOCAL') return []
    return [...content.repositories]
      .filter(([name]) => name.startsWith(`${key}/`))
      .flatMap(([name, { tags, manifests }]) => {
        const image = name.slice(key.length + 1)
        const filesIn = (folder: string, digest: string): readonly Row[] => {
          const isIndex = /index|list/.test(manifests.get(digest as `${string}:${string}`)?.mediaType ?? '')
          const file = (name: string, sha256: string): Row => ({ repo: key, path: `${image}/${folder}`, name, sha256 })
          const layer = '1'.repeat(64)
          return [
            file(isIndex ? 'list.manifest.json' : 'manifest.json', digest.slice(7)),
            ...(isIndex ? [] : [file(`sha256__${layer}`, layer)]),
          ]
        }
        return [
          ...[...tags].flatMap(([tag, digest]) => filesIn(tag, digest)),
          ...[...manifests.keys()].flatMap((digest) => filesIn(digest, digest)),
        ]
      })
  }

  function repositories(call: Call, user: string): Reply {
    const key = call.url.pathname.slice('/artifactory/api/repositories/'.length)
    if (call.method === 'PUT') {
      if (user !== ADMIN.user) return failure(403, 'Forbidden')
      if ([...keys.keys()].some((known) => known.toLowerCase() === key.toLowerCase()))
        return failure(400, 'Case insensitive repository key already exists')
      keys.set(key, 'LOCAL')
      return text(200, `Successfully created repository '${key}'`)
    }
    if (key !== '') return keys.has(key) ? json(200, { key, rclass: 'local' }) : failure(400, 'Bad Request')
    return json(
      200,
      [...keys].map(([name, type]) => ({
        key: name,
        type,
        url: `${content.url}/artifactory/${name}`,
        packageType: 'Docker',
      })),
    )
  }

  /** The folder of a tag, or of a digest. */
  function remove(path: string): Reply {
    const at = path.lastIndexOf('/')
    const repository = content.repositories.get(path.slice(0, at))
    const last = path.slice(at + 1)
    if (!repository) return failure(404, 'Not Found')
    const isGone = last.includes(':')
      ? repository.manifests.delete(last as `${string}:${string}`)
      : repository.tags.delete(last)
    return isGone ? { status: 204 } : failure(404, 'Not Found')
  }

  const { url } = content
  return {
    content,
    keys,
    uploads,
    registry: { name: 'it', type: 'jfrog-artifactory', url },
    env: { REPLICATE_IT_USERNAME: ADMIN.user, REPLICATE_IT_PASSWORD: ADMIN.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    close: () => content.close(),
  }
}
