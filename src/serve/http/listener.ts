/** The HTTP server of the daemon: what every route has in common, and where it listens. */

import { type FastifyInstance, fastify } from 'fastify'
import type { ServeSettings } from '../../config/serve.ts'
import { ConfigurationError, hasCode, messageOf } from '../../core/errors.ts'

/** Bytes of a request's body, unless a route says otherwise. */
const BODY_LIMIT = 1024 * 1024

export interface Listener {
  /** Routes are registered before `listen`. */
  readonly app: FastifyInstance
  /** Resolves with the URL. Throws a `ConfigurationError` where the address cannot be had. */
  listen(settings: ServeSettings): Promise<string>
  close(): Promise<void>
}

export function createListener(): Listener {
  const app = fastify({ bodyLimit: BODY_LIMIT, logger: false, forceCloseConnections: true })
  return {
    app,
    async listen({ host, port }) {
      try {
        return await app.listen({ host, port })
      } catch (error) {
        throw refused(`${host.includes(':') ? `[${host}]` : host}:${port}`, error)
      }
    },
    close: () => app.close(),
  }
}

function refused(address: string, error: unknown): ConfigurationError {
  const hint = 'name another address with `serve: {listen: HOST:PORT}`'
  return new ConfigurationError(`cannot listen on ${address}: ${reasonOf(error)}`, { hint, cause: error })
}

function reasonOf(error: unknown): string {
  if (hasCode(error, 'EADDRINUSE')) return 'another process uses it'
  if (hasCode(error, 'EACCES')) return 'permission denied'
  if (hasCode(error, 'EADDRNOTAVAIL')) return 'this machine does not have that address'
  return messageOf(error)
}
