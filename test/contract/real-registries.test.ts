/** The registry client against real servers, where they are installed. */

import { availableServers, type ServerName, type ServerOptions, startServer } from '../support/servers.ts'
import { registryStores } from './registries.ts'
import { describeContentStore, type Limitations } from './store.ts'

interface Variant {
  readonly title: string
  readonly server: ServerName
  readonly options?: ServerOptions
  readonly limitations?: Limitations
}

const zot: Limitations = { outlivesTags: false }

const variants: readonly Variant[] = [
  { title: 'distribution 2.8', server: 'docker-registry', limitations: { deleteTag: false, sha512: false } },
  { title: 'distribution 3', server: 'registry', limitations: { blobsInIndex: false, sha512: false } },
  { title: 'zot', server: 'zot', limitations: { ...zot, dockerTypes: false } },
  { title: 'zot with docker2s2', server: 'zot', options: { docker: true }, limitations: zot },
]

for (const { title, server, options = {}, limitations = {} } of variants) {
  describeContentStore(
    title,
    async () => {
      const started = await startServer(server, options)
      return registryStores(started.url, () => started.stop())
    },
    { limitations, available: availableServers().includes(server) },
  )
}
