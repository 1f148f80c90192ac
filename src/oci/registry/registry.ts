/** A connection to any registry that speaks the OCI distribution API: check, repositories, catalogue. */

import type { Adapter, AdapterTools } from '../../core/adapter.ts'
import { sleep } from '../../core/cancel.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { ABSENT, CredentialError, RegistryError } from '../../core/errors.ts'
import type { HttpClient, HttpResponse } from '../../core/http.ts'
import type { Registry } from '../../core/registry.ts'
import { listNames } from './listing.ts'
import { ociRepository } from './repository.ts'
import { restated } from './restate.ts'
import type { Learned, UploadFacts, UploadRetry } from './upload/facts.ts'

/** How a type of registry differs from a plain one. */
export interface RegistryFacts {
  /** Default: one PUT, whatever the size. */
  readonly upload?: UploadFacts
  /** Whether blobs are taken over from other repositories; default true. */
  readonly mount?: boolean
  /** Whether the registry has a referrers API; default `probe`: the first request tells. */
  readonly referrers?: boolean | 'probe'
  /** true: the registry answers a push with `OCI-Subject` although it has no referrers API. */
  readonly unprovenSubject?: boolean
  /** What a token must allow to delete; default `delete`. */
  readonly deleteAction?: string
  /** What a token must allow to read the catalogue; default `registry:catalog:*`. */
  readonly catalogScopes?: readonly string[]
  /** The `n` to ask the catalogue for; default 100, which every registry accepts. */
  readonly pageSize?: number
  /** How a broken upload is tried again; default three times, with a pause. */
  readonly retry?: UploadRetry
}

const RETRY: UploadRetry = { attempts: 3, wait: sleep }

/** The adapter of a plain registry. A type that differs only in facts passes them; one that lists differently spreads the result and replaces a
 *  method. */
export function ociRegistry(registry: Registry, tools: AdapterTools, facts: RegistryFacts = {}): Adapter {
  const repositories = new Map<string, ContentStore>()
  const learned: Learned = {}
  let client: HttpClient | undefined
  const http = (): HttpClient => {
    client ??= tools.http()
    return client
  }
  return {
    ping: (ctx) => ping(http(), ctx),
    repository(name) {
      let store = repositories.get(name)
      store ??= ociRepository(http(), name, {
        upload: facts.upload ?? { strategy: 'put' },
        mount: facts.mount ?? true,
        referrers: facts.referrers ?? 'probe',
        unprovenSubject: facts.unprovenSubject ?? false,
        ...(facts.deleteAction === undefined ? {} : { deleteAction: facts.deleteAction }),
        retry: facts.retry ?? RETRY,
        learned,
      })
      repositories.set(name, store)
      return store
    },
    countsPulls: () => http().countsPulls?.() ?? false,
    pullsLeft: () => http().pullsLeft?.(),
    repositories: (_wanted, ctx) => catalogue(http(), registry.name, facts, ctx),
  }
}

async function ping(http: HttpClient, ctx: Context): Promise<void> {
  const request = { method: 'GET', url: '/v2/' } as const
  let response: HttpResponse
  try {
    response = await http.request(request, ctx)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.retryable || error.status === 403) throw error
    throw noRegistry(http, `GET ${http.url}/v2/ was answered with ${error.message}`, error.status, error)
  }
  const type = response.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
  const says = /^registry\/2/.test(response.headers['docker-distribution-api-version'] ?? '')
  const length = response.headers['content-length']
  await response.discard()
  // A registry answers `{}` or an empty body; a web server that answers every path sends a page.
  if (says || type === 'application/json' || (type !== 'text/html' && (length === '0' || length === undefined))) return
  throw noRegistry(http, `GET ${http.url}/v2/ was answered with ${type || 'something else'}`, response.status)
}

function noRegistry(http: HttpClient, why: string, status: number, cause?: RegistryError): RegistryError {
  return new RegistryError(`${http.host} does not speak the registry API V2: ${why}`, {
    status,
    method: 'GET',
    path: '/v2/',
    cause,
    hint:
      cause?.hint ??
      (status === 400 && http.url.startsWith('http:')
        ? 'this may be a TLS server that was spoken to in plain HTTP: try `url: https://…`'
        : 'check `url`: the address without /v2/, and with a path only if the registry is served below it; charts behind an index.yaml are of `type: helm-http`'),
  })
}

const NO_CATALOGUE = 'name the repositories, in a policy by its name filter; `ls HOST/REPOSITORY` lists the tags of one'

async function* catalogue(
  http: HttpClient,
  registry: string,
  { pageSize = 100, catalogScopes: scopes = ['registry:catalog:*'] }: RegistryFacts,
  ctx: Context,
): AsyncIterable<string> {
  const what = `repositories of ${registry}`
  const seen = new Set<string>()
  try {
    const path = '/v2/_catalog'
    const list = { http, path, key: 'repositories', scopes, pageSize, what } as const
    for await (const name of listNames(list, ctx)) {
      if (seen.has(name)) continue
      seen.add(name)
      yield name
    }
  } catch (error) {
    throw refused(error, what)
  }
}

function refused(error: unknown, what: string): unknown {
  if (error instanceof CredentialError) {
    return new CredentialError(`cannot list the ${what}: ${error.message}`, { cause: error, hint: NO_CATALOGUE })
  }
  if (!(error instanceof RegistryError) || ![400, 401, 403, ...ABSENT].includes(error.status)) return error
  return restated(error, error.message, NO_CATALOGUE)
}
