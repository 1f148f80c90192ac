/** Pulp in memory: its registry, which deletes by digest and later, and of its API what tells of distributions, versions, content and tasks.
 *
 *  Run beside the real one, from whose answers it is written down. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const PULP_USER = { user: 'admin', password: 'correct-horse' } as const

export interface PulpOptions {
  /** What the API answers below; default `/pulp/api/v3`. */
  readonly root?: string
  /** How many looks at a task, or at a manifest that is being deleted, find it unfinished; default 1. */
  readonly looks?: number
  /** What the tasks that remove tags end with; default `completed`. */
  readonly ends?: string
  /** Repositories of others, of which the API tells nothing. */
  readonly hidden?: readonly string[]
}

export interface FakePulp extends AdapterUnderTest {
  readonly content: MemoryRegistry
}

/** Below it is what Pulp mirrors by itself. */
const MIRRORED = 'mirrored/'

export async function startPulp(options: PulpOptions = {}): Promise<FakePulp> {
  const { root = '/pulp/api/v3', looks = 1, ends = 'completed', hidden = [] } = options
  const switches = createSwitches()
  let looping = false
  /** What a worker will do once it was looked at so often. */
  const pending = new Map<string, { left: number; run: () => void }>()
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', ...PULP_USER },
    referrers: false,
    pageSize: 2,
    fault: switches.faultOf,
    get link() {
      return looping ? ('loop' as const) : ('relative' as const)
    },
    intercept,
  })

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { method, url } = call
    if (url.pathname.startsWith(`${root}/`)) return await api(call, url.pathname.slice(root.length + 1).split('/'))
    if (method === 'POST' && url.pathname.startsWith(`/v2/${MIRRORED}`)) {
      throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
    }
    const [, name = '', reference = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url.pathname) ?? []
    const repository = content.repositories.get(name)
    if (method === 'HEAD') worked(`${name}@${reference}`)
    if (method !== 'DELETE' || !repository) return undefined
    if (!reference.startsWith('sha256:')) {
      throw new Refusal(400, 'INVALID_REQUEST', 'A manifest can only be deleted by digest.')
    }
    if (![...repository.manifests.keys()].some((digest) => digest === reference)) return undefined
    begin(`${name}@${reference}`, () => {
      for (const [tag, digest] of repository.tags) if (digest === reference) repository.tags.delete(tag)
      for (const digest of repository.manifests.keys()) if (digest === reference) repository.manifests.delete(digest)
    })
    return { status: 202 }
  }

  function begin(what: string, run: () => void): void {
    pending.set(what, { left: looks, run })
  }

  /** Whether it is done. */
  function worked(what: string): boolean {
    const work = pending.get(what)
    if (!work) return true
    work.left -= 1
    if (work.left >= 0) return false
    pending.delete(what)
    work.run()
    return true
  }

  async function api(call: Call, path: readonly string[]): Promise<Reply> {
    if (path[0] === 'status') return json(200, { versions: [{ component: 'core' }, { component: 'container' }] })
    const { headers, url, method } = call
    const authorization = `Basic ${Buffer.from(`${PULP_USER.user}:${PULP_USER.password}`).toString('base64')}`
    if (headers.authorization !== authorization) {
      const challenge = { 'www-authenticate': 'Basic realm="api"' }
      return json(401, { detail: 'Invalid username/password.' }, challenge)
    }
    const query = url.searchParams
    const [kind, , type, id = '', verb] = path
    if (kind === 'tasks') {
      const isDone = worked(path[1] ?? '')
      return json(200, {
        state: isDone ? ends : 'running',
        error: ends === 'failed' ? { description: 'no room' } : null,
      })
    }
    if (kind === 'distributions') return json(200, paged(distributions(query.get('base_path') ?? ''), query))
    if (kind === 'repositories' && method === 'POST' && verb === 'untag') return await untag(call, id)
    if (kind === 'repositories' && named(id)) {
      return json(200, { latest_version_href: `${root}/repositories/container/container/${id}/versions/1/` })
    }
    if (kind === 'content') {
      const [, of = ''] =
        /\/container\/container\/([^/]+)\/versions\/1\/$/.exec(query.get('repository_version') ?? '') ?? []
      const repository = content.repositories.get(named(of) ?? '')
      if (!repository) return json(400, [`URI ${query.get('repository_version')} not found for repositoryversion.`])
      const address = (digest: string): string => `${root}/content/container/manifests/${digest.slice(7, 43)}/`
      if (type === 'tags') {
        const tags = [...repository.tags].map(([name, digest]) => ({ name, tagged_manifest: address(digest) }))
        return json(200, paged(tags, query))
      }
      const manifests = [...repository.manifests].map(([digest, { mediaType }]) => ({
        ...{ pulp_href: address(digest), digest, media_type: mediaType },
      }))
      return json(200, paged(manifests, query))
    }
    return json(404, { detail: 'Not found.' })
  }

  function named(id: string): string | undefined {
    return [...content.repositories.keys()].find((name) => idOf(name) === id)
  }

  function distributions(name: string) {
    if (!content.repositories.has(name) || hidden.includes(name)) return []
    const repository = `${root}/repositories/container/container/${idOf(name)}/`
    return [{ base_path: name, repository, repository_version: null, remote: null }]
  }

  async function untag(call: Call, id: string): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const { tag } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { readonly tag: string }
    const repository = content.repositories.get(named(id) ?? '')
    if (!repository?.tags.has(tag)) return json(400, { non_field_errors: [`The tag '${tag}' does not exist`] })
    const task = `01a22c33-${pending.size}-${tag}`.replaceAll('.', '-')
    begin(task, () => {
      if (ends === 'completed') repository.tags.delete(tag)
    })
    return json(202, { task: `${root}/tasks/${task}/` })
  }

  /** A loop: the count says that more follows, and every page is the first. */
  function paged(all: readonly unknown[], query: URLSearchParams) {
    const limit = Number(query.get('limit') ?? 100)
    const offset = looping ? 0 : Number(query.get('offset') ?? 0)
    return { count: looping ? 1_000_000 : all.length, next: null, results: all.slice(offset, offset + limit) }
  }

  return {
    content,
    registry: { name: 'it', type: 'pulp', url: content.url },
    env: { REPLICATE_IT_USERNAME: PULP_USER.user, REPLICATE_IT_PASSWORD: PULP_USER.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => content.revokeTokens(),
    close: () => content.close(),
  }
}

function idOf(name: string): string {
  return Buffer.from(name).toString('hex')
}
