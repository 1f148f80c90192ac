/** Opens a registry as the stores of its repositories, with the program's own client. */

import { createHttpClient } from '../../src/http/client.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import type { StoreUnderTest } from './store.ts'

/** `stop` ends the server behind `url`. */
export function registryStores(url: string, stop: () => Promise<void>): StoreUnderTest {
  const { host } = new URL(url)
  const credential = { kind: 'anonymous', origin: 'none' } as const
  const http = createHttpClient({
    url,
    host,
    credential: async () => credential,
    userAgent: 'replicate-test',
    secrets: () => {},
  })
  const adapter = ociRegistry(
    { name: host, type: 'docker-registry', url },
    { http: () => http, api: () => http, credential: async () => credential },
  )
  return {
    open: (repository) => adapter.repository(repository),
    async close() {
      await adapter.close?.()
      await http.close()
      await stop()
    },
  }
}
