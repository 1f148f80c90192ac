/** The adapter for any registry, by the contract of all adapters: on the registry in memory and on real ones. */

import type { AdapterSpecimen, AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { DISTRIBUTION_DELIVERIES, PLAIN_DELIVERIES } from '../contract/deliveries.ts'
import { createSwitches } from '../fakes/switches.ts'
import { type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { basic, seed } from '../support/seed.ts'
import { availableServers, SERVER_USER, type ServerName, startServer } from '../support/servers.ts'

const ENV = { REPLICATE_IT_USERNAME: SERVER_USER.user, REPLICATE_IT_PASSWORD: SERVER_USER.password }
const wrong = { ...ENV, REPLICATE_IT_PASSWORD: 'wrong' }
const plain: AdapterSpecimen = {
  identity: 'docker-registry',
  listing: /^GET \/v2\/.*\/tags\/list/,
  wrong,
  deliveries: [...DISTRIBUTION_DELIVERIES, ...PLAIN_DELIVERIES],
}

async function inMemory(options: MemoryRegistryOptions): Promise<AdapterUnderTest> {
  const switches = createSwitches()
  let looping = false
  const registry = await startMemoryRegistry({
    ...options,
    fault: switches.faultOf,
    get link() {
      return looping ? ('loop' as const) : ('relative' as const)
    },
  })
  return {
    registry: { name: 'it', type: 'docker-registry', url: registry.url },
    env: ENV,
    namespace: 'contract',
    seed: (repository, tag, artifact) => registry.add(repository, artifact, tag),
    requests: () => registry.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => registry.revokeTokens(),
    close: () => registry.close(),
  }
}

const user = { user: SERVER_USER.user, password: SERVER_USER.password }
describeAdapter(
  'docker-registry with tokens',
  () => inMemory({ auth: { kind: 'bearer', ...user }, pageSize: 2 }),
  plain,
)
describeAdapter('docker-registry with Basic', () => inMemory({ auth: { kind: 'basic', ...user }, pageSize: 2 }), {
  ...plain,
  expires: false,
})

/** Real servers start with the one user that they know. */
async function real(name: ServerName): Promise<AdapterUnderTest> {
  const server = await startServer(name, { auth: true })
  const authorization = basic(SERVER_USER.user, SERVER_USER.password)
  return {
    registry: { name: 'it', type: name === 'zot' ? 'zot' : 'docker-registry', url: server.url },
    env: ENV,
    namespace: 'contract',
    seed: async (repository, tag, artifact) => {
      await seed(server.url, repository, tag, artifact, { authorization })
    },
    close: () => server.stop(),
  }
}

const REAL = [{ name: 'docker-registry', deleteTag: false }, { name: 'registry' }] as const satisfies readonly ({
  readonly name: ServerName
} & Partial<AdapterSpecimen>)[]

for (const { name, ...limits } of REAL) {
  const available = availableServers().includes(name)
  describeAdapter(`docker-registry on a real ${name}`, () => real(name), { ...plain, ...limits, real: true, available })
}
