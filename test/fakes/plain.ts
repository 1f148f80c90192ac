/** Vendors' registries that are plain ones with a refusal of their own, in memory. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import {
  type Call,
  type MemoryRegistry,
  type MemoryRegistryOptions,
  startMemoryRegistry,
} from '../support/memory-registry.ts'
import { Refusal } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export interface PlainVendor {
  readonly identity: string
  readonly user: string
  readonly password: string
  /** Below which tests make repositories. */
  readonly namespace: string
  readonly options?: MemoryRegistryOptions
  /** Throws a `Refusal` for what the real one refuses. */
  refuse?(call: Call, state: MemoryRegistry): void
}

export interface PlainFake extends AdapterUnderTest {
  readonly content: MemoryRegistry
}

/** With a token server for one user. */
export async function startPlain({
  identity,
  user,
  password,
  namespace,
  options,
  refuse,
}: PlainVendor): Promise<PlainFake> {
  const switches = createSwitches()
  let looping = false
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', user, password },
    pageSize: 2,
    ...options,
    fault: switches.faultOf,
    get link() {
      return looping ? ('loop' as const) : ('relative' as const)
    },
    intercept(call) {
      refuse?.(call, content)
      return undefined
    },
  })
  return {
    content,
    registry: { name: 'it', type: identity, url: content.url },
    env: { REPLICATE_IT_USERNAME: user, REPLICATE_IT_PASSWORD: password },
    namespace,
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

const nameIn = ({ url }: Call): string =>
  /^\/v2\/(.+?)\/(blobs|manifests|tags|referrers)\//.exec(url.pathname)?.[1] ?? ''

/** Only names of some first parts are known. */
function only(namespace: string, status: number, code: string, message: string): NonNullable<PlainVendor['refuse']> {
  return (call) => {
    const name = nameIn(call)
    if (name !== '' && !name.startsWith(`${namespace}/`)) throw new Refusal(status, code, message)
  }
}

export const NEXUS: PlainVendor = {
  identity: 'nexus',
  user: 'mirror',
  password: 'correct-horse',
  namespace: 'contract',
  options: { auth: { kind: 'basic', user: 'mirror', password: 'correct-horse' }, referrers: false, pageSize: 2 },
  // A repository with the policy "Disable redeploy".
  refuse({ method, url }, { repositories }) {
    const [, name = '', tag = ''] = /^\/v2\/(frozen\/.+)\/manifests\/([^:]+)$/.exec(url.pathname) ?? []
    if (method === 'PUT' && repositories.get(name)?.tags.has(tag)) {
      throw new Refusal(400, 'UNKNOWN', 'Repository does not allow updating assets: hosted')
    }
  },
}

export const ORACLE: PlainVendor = {
  identity: 'oracle-ocir',
  user: 'contract/oracleidentitycloudservice/someone@example.com',
  password: "auth-token$with('everything",
  namespace: 'contract',
  options: { catalog: false, referrers: false },
  refuse: only('contract', 403, 'DENIED', 'Tenant with namespace could not be found or is not authorized'),
}

export const CLOUDFLARE: PlainVendor = {
  identity: 'cloudflare',
  user: 'v1',
  password: 'password-for-some-minutes',
  namespace: 'd4c3139f30104e5f9e730f2df2d242f0',
  options: { referrers: false, pageSize: 2 },
  refuse: only('d4c3139f30104e5f9e730f2df2d242f0', 403, 'DENIED', 'account mismatch'),
}
