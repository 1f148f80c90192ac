/** Azure's registry in memory: its token server with its scopes, its own API, locks, firewall and the limits of uploads. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import {
  type Call,
  type MemoryRegistry,
  type MemoryRegistryOptions,
  type Reply,
  startMemoryRegistry,
} from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { type AcrAccount, createAcrTokens, type Grant } from './azure-acr-tokens.ts'
import { createSwitches } from './switches.ts'

export const ADMIN: AcrAccount = { user: 'mirror', password: 'admin-secret', may: () => true }

export interface AcrOptions {
  readonly accounts?: readonly AcrAccount[]
  /** Tokens of Entra that are exchanged, with what they may. */
  readonly entra?: ReadonlyMap<string, Grant>
  /** Wildcards are never granted; the catalogue is a right of its own. */
  readonly abac?: boolean
  /** Every address is refused. */
  readonly firewall?: boolean
  /** Anonymous access may pull and list. */
  readonly anonymousPull?: boolean
  readonly content?: MemoryRegistryOptions
}

export interface FakeAcr extends AdapterUnderTest {
  readonly content: MemoryRegistry
  /** `REPOSITORY`, `REPOSITORY:TAG`: may not be written or deleted. */
  readonly locked: Set<string>
  /** Scopes of the tokens that were given out, as asked for. */
  readonly asked: readonly string[]
}

const LARGEST_BODY = 20 * 1024 * 1024
const PAGE = 100
const LARGEST_PAGE = 1000
const TIME = '2026-01-02T03:04:05.1234567Z'

export async function startAcr(options: AcrOptions = {}): Promise<FakeAcr> {
  const switches = createSwitches()
  const locked = new Set<string>()
  let looping = false
  const content = await startMemoryRegistry({
    redirectBlobs: true,
    ...options.content,
    fault: switches.faultOf,
    intercept,
    authorize: (call) => authorize(call, scopesOf(call)),
  })
  const tokens = createAcrTokens(content.host, { accounts: [ADMIN], ...options })

  function authorize(call: Call, scopes: readonly string[]): void {
    const missing = tokens.missing(call.headers.authorization, scopes)
    if (missing === undefined) return
    const challenge = [`realm="${content.url}/oauth2/token"`, `service="${content.host}"`]
    if (missing.length > 0) challenge.push(`scope="${missing.join(' ')}"`)
    const message = 'authentication required, visit https://aka.ms/acr/authorization for more information.'
    const detail = missing.map((scope) => {
      const [Type, Name, Action] = scope.split(':')
      return { Type, Name, Action }
    })
    throw new Refusal(401, 'UNAUTHORIZED', message, {
      detail,
      headers: { 'www-authenticate': `Bearer ${challenge.join(',')}` },
    })
  }

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (options.firewall) {
      throw new Refusal(
        403,
        'DENIED',
        "client with IP '192.0.2.1' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
      )
    }
    if (pathname.startsWith('/oauth2/')) return tokens.answer(call)
    if (pathname.startsWith('/acr/v1/')) return ownApi(call, pathname.slice('/acr/v1/'.length))
    return checkUpload(call) ?? checkLock(call)
  }

  function checkUpload({ method, headers, url }: Call): undefined {
    if (!url.pathname.includes('/blobs/uploads/')) return
    if (method === 'PATCH' && headers['content-length'] === undefined) {
      throw new Refusal(400, 'CONTENT_LENGTH_INVALID', 'Content-Length is missing')
    }
    if ((method === 'PUT' || method === 'PATCH') && Number(headers['content-length'] ?? 0) > LARGEST_BODY) {
      throw new TooLarge()
    }
  }

  function checkLock(call: Call): undefined {
    const [, repository = '', reference = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(call.url.pathname) ?? []
    if ((call.method !== 'PUT' && call.method !== 'DELETE') || repository === '') return
    authorize(call, scopesOf(call))
    refuseLocked(repository, reference)
  }

  function refuseLocked(repository: string, reference: string): void {
    if (!locked.has(repository) && !locked.has(`${repository}:${reference}`)) return
    throw new Refusal(
      405,
      'REGISTRY_DISALLOWED_OPERATION',
      'The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/.',
      { detail: {} },
    )
  }

  function ownApi(call: Call, path: string): Reply {
    if (path === '_catalog') {
      authorize(call, ['registry:catalog:*'])
      const may = tokens.grantOf(call.headers.authorization)
      const names = [...content.repositories.keys()].filter((name) => may(name, 'metadata_read')).sort()
      const { entries, headers } = page(call, names, (name) => name)
      return json(200, { repositories: entries.length > 0 ? entries : null }, headers)
    }
    const [, name = '', kind, tag] = /^(.+?)(?:\/(_tags|_manifests)(?:\/([^/]+))?)?$/.exec(path) ?? []
    authorize(call, [`repository:${name}:${call.method === 'DELETE' ? 'delete' : 'metadata_read'}`])
    const repository = content.repositories.get(name)
    if (!repository)
      throw new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } })
    const common = { registry: content.host, imageName: name }
    const changeableAttributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true }
    if (call.method === 'DELETE') {
      if (kind !== '_tags' || tag === undefined) return text(405, '')
      refuseLocked(name, tag)
      if (repository.tags.delete(tag)) return { status: 202 }
      throw new Refusal(404, 'TAG_UNKNOWN', 'the specified tag does not exist', { detail: { name: tag } })
    }
    if (kind === undefined) {
      const attributes = { ...changeableAttributes, writeEnabled: !locked.has(name), deleteEnabled: !locked.has(name) }
      return json(200, { ...common, tagCount: repository.tags.size, changeableAttributes: attributes })
    }
    if (kind === '_tags') {
      const { entries, headers } = page(call, [...repository.tags].sort(), ([named]) => named)
      const tags = entries.map(([named, digest]) => ({
        name: named,
        digest,
        createdTime: TIME,
        lastUpdateTime: TIME,
        signed: false,
        changeableAttributes,
      }))
      return json(200, { ...common, tags }, headers)
    }
    const { entries, headers } = page(call, [...repository.manifests].sort(), ([digest]) => digest)
    const manifests = entries.map(([digest, { mediaType, bytes }]) => {
      const tags = [...repository.tags].filter(([, target]) => target === digest).map(([named]) => named)
      return {
        digest,
        imageSize: bytes.byteLength,
        createdTime: TIME,
        lastUpdateTime: TIME,
        mediaType,
        ...(tags.length > 0 ? { tags } : {}),
        changeableAttributes,
      }
    })
    return json(200, { ...common, manifests }, headers)
  }

  /** `n` is cut to 1,000 without a word, and the link is a path. */
  function page<T>(call: Call, all: readonly T[], keyOf: (one: T) => string) {
    const n = Math.min(LARGEST_PAGE, Number(call.url.searchParams.get('n') ?? PAGE))
    const last = call.url.searchParams.get('last')
    const rest = last === null || looping ? all : all.filter((one) => keyOf(one) > last)
    const entries = rest.slice(0, n)
    const end = entries.at(-1)
    const more = looping || rest.length > n
    const query = new URLSearchParams({ last: end === undefined ? '' : keyOf(end), n: String(n), orderby: '' })
    const headers = more ? { link: `<${call.url.pathname}?${query}>; rel="next"` } : {}
    return { entries, headers }
  }

  return {
    content,
    locked,
    asked: tokens.asked,
    registry: { name: 'it', type: 'azure-acr', url: content.url },
    env: { REPLICATE_IT_USERNAME: ADMIN.user, REPLICATE_IT_PASSWORD: ADMIN.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: tokens.expire,
    close: () => content.close(),
  }
}

/** Listing tags is a right of its own. */
function scopesOf(call: Call): readonly string[] {
  const needed = neededScopes(call)
  return call.url.pathname.endsWith('/tags/list')
    ? needed.map((scope) => scope.replace(/:pull$/, ':metadata_read'))
    : needed
}

class TooLarge extends Refusal {
  override readonly reply: Reply = text(
    413,
    '<html><h1>413 Request Entity Too Large</h1>AzureContainerRegistry</html>',
    {
      'content-type': 'text/html',
      connection: 'close',
    },
  )
  constructor() {
    super(413, 'SIZE_INVALID', 'too large')
  }
}
