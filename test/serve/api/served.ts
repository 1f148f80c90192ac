/** The real program with the API, between two registries in memory, and who asks it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { type Daemon, type Serving, serving } from '../serving.ts'
import { type Ask, apiClient } from './client.ts'

export interface Served extends Serving {
  readonly daemon: Daemon
  readonly token: string
  readonly ask: Ask
}

/** `more` are further lines of the policy, `serve` of that section. */
export async function served(more = '', serve = '', options: MemoryRegistryOptions = {}): Promise<Served> {
  const all = await serving(options)
  all.user.write('serve.yaml', all.yaml(more, serve))
  const daemon = await all.start()
  const token = readFileSync(join(all.user.home, 'api-token'), 'utf8').trim()
  return { ...all, daemon, token, ask: apiClient(daemon.url, token) }
}
