/** The HTTP server of the daemon: what every route has in common, and where it listens. */

import { readFile } from 'node:fs/promises'
import { createSecureContext, Server as TlsServer } from 'node:tls'
import { type FastifyInstance, fastify } from 'fastify'
import type { ServeSettings } from '../../config/serve.ts'
import { after } from '../../core/cancel.ts'
import { ConfigurationError, hasCode, messageOf, NetworkError } from '../../core/errors.ts'
import { answerBadPath, answerErrors, answerTooMany } from './errors.ts'
import { SHARES, shareAmongAddresses } from './shares.ts'

/** Bytes of a request's body, unless a route says otherwise. */
const BODY_LIMIT = 1024 * 1024
const HEADER_LIMIT = 16 * 1024
/** Milliseconds that a request may take to come in, and its head; how often that is looked at. */
const PATIENCE = { request: 30_000, head: 10_000, look: 2000 }
/** Milliseconds between two requests of a connection. */
const IDLE_TIMEOUT = 30_000
const REQUESTS_PER_CONNECTION = 1000

export interface Listener {
  /** Routes are registered before `listen`. */
  readonly app: FastifyInstance
  /** Resolves with the URL. Throws a `NetworkError` where the address cannot be had. */
  listen(): Promise<string>
  /** Reads the certificate again. Throws a `ConfigurationError` where it cannot be used: the one before counts. */
  renew(): Promise<void>
  /** Requests have so many milliseconds to end. */
  close(within: number): Promise<void>
}

type Tls = NonNullable<ServeSettings['tls']>

interface ListenerOptions {
  readonly patience?: typeof PATIENCE
  /** Asked for each connection and request. Absent: no proxy is before it. */
  readonly isProxied?: () => boolean
  readonly shares?: typeof SHARES
}

/** Throws a `ConfigurationError` where the certificate cannot be used. `failed` is told of what is not the fault of a request. */
export async function createListener(
  { host, port, tls }: Pick<ServeSettings, 'host' | 'port' | 'tls'>,
  failed: (text: string) => void,
  { patience = PATIENCE, isProxied = () => false, shares: bounds = SHARES }: ListenerOptions = {},
): Promise<Listener> {
  const common = {
    bodyLimit: BODY_LIMIT,
    logger: false,
    // At the end idle connections are closed at once, and the others with their answer.
    forceCloseConnections: 'idle',
    requestTimeout: patience.request,
    keepAliveTimeout: IDLE_TIMEOUT,
    maxRequestsPerSocket: REQUESTS_PER_CONNECTION,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: answerBadPath,
  } as const
  const limits = {
    maxHeaderSize: HEADER_LIMIT,
    headersTimeout: patience.head,
    connectionsCheckingInterval: patience.look,
  }
  const secure = tls && (await certificateOf(tls))
  const app: FastifyInstance = secure
    ? fastify({ ...common, https: { ...limits, ...secure, handshakeTimeout: patience.head } })
    : fastify({ ...common, http: limits })
  const shares = shareAmongAddresses(app.server, isProxied, bounds)
  app.addHook('onRequest', (request, reply, done) => {
    const leave = shares.enter(request.raw)
    if (!leave) return answerTooMany(request, reply)
    reply.raw.once('close', leave)
    done()
  })
  answerErrors(app, failed)
  return {
    app,
    async listen() {
      try {
        return await app.listen({ host, port })
      } catch (error) {
        throw refused(`${host.includes(':') ? `[${host}]` : host}:${port}`, error)
      }
    },
    async renew() {
      if (tls && app.server instanceof TlsServer) app.server.setSecureContext(await certificateOf(tls))
    },
    async close(within) {
      const stop = after(within, () => app.server.closeAllConnections(), true)
      await app.close()
      stop()
    },
  }
}

async function certificateOf({ cert, key }: Tls): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
  try {
    const read = { cert: await readFile(cert), key: await readFile(key) }
    createSecureContext(read)
    return read
  } catch (error) {
    const hint = 'they must be PEM files that this user can read, and the key that of the certificate'
    throw new ConfigurationError(`cannot use the certificate ${cert} with the key ${key}: ${messageOf(error)}`, {
      hint,
      cause: error,
    })
  }
}

function refused(address: string, error: unknown): NetworkError {
  const hint = 'name another address with `serve: {listen: HOST:PORT}`'
  return new NetworkError(`cannot listen on ${address}: ${reasonOf(error)}`, { hint, cause: error, retryable: false })
}

function reasonOf(error: unknown): string {
  if (hasCode(error, 'EADDRINUSE')) return 'another process uses it'
  if (hasCode(error, 'EACCES')) return 'permission denied'
  if (hasCode(error, 'EADDRNOTAVAIL')) return 'this machine does not have that address'
  return messageOf(error)
}
