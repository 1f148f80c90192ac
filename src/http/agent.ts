/** The connections to a registry: TLS, proxy, keep-alive and time-outs. Loads undici, so it is made on first use only. */

import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { buildConnector, Dispatcher } from 'undici'
import { ConfigurationError } from '../core/errors.ts'

export interface AgentOptions {
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined
  /** PEM texts, not paths. `ca` is trusted besides the system's authorities. */
  readonly ca?: string | undefined
  readonly client_cert?: string | undefined
  readonly client_key?: string | undefined
  readonly proxy?: string | undefined
  /** Milliseconds without a byte, after which an answer is given up. */
  readonly idle: number
}

const CONNECT_TIMEOUT = 10_000
/** How long a broken upload waits for the answer that explains it, in milliseconds. */
const LAST_WORDS = 1_000

export async function createAgent(options: AgentOptions): Promise<Dispatcher> {
  const undici = await import('undici')
  const tls = {
    rejectUnauthorized: !options.insecure,
    timeout: CONNECT_TIMEOUT,
    allowH2: false,
    ...secureContext(options),
  }
  const common = { headersTimeout: options.idle, bodyTimeout: options.idle, pipelining: 1, allowH2: false }
  if (options.proxy !== undefined) {
    return new undici.ProxyAgent({ ...common, uri: options.proxy, requestTls: tls, proxyTls: tls })
  }
  return new undici.Agent({ ...common, connect: listening(undici.buildConnector(tls)) })
}

/** Made once: parsing the system's authorities costs milliseconds for each connection otherwise. */
function secureContext(options: AgentOptions): { secureContext?: SecureContext } {
  const { ca, client_cert, client_key } = options
  if (ca === undefined && client_cert === undefined) return {}
  try {
    return {
      secureContext: createSecureContext({
        ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
        ...(client_cert === undefined ? {} : { cert: client_cert }),
        ...(client_key === undefined ? {} : { key: client_key }),
      }),
    }
  } catch (error) {
    throw new ConfigurationError('the certificates of the registry cannot be read', {
      cause: error,
      hint: '`ca:`, `client_cert:` and `client_key:` must be PEM files, the key without a passphrase',
    })
  }
}

/** A server that refuses an upload answers and closes while we still write. The write fails at once and would close the
 *  socket before the answer is read; so a failed write is reported a moment later, which the reader uses. */
function listening(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    connect(options, (...result) => {
      const socket = result[1]
      if (socket) {
        const write = socket._write.bind(socket)
        const writev = socket._writev?.bind(socket)
        socket._write = (chunk, encoding, done) => write(chunk, encoding, later(done))
        if (writev) socket._writev = (chunks, done) => writev(chunks, later(done))
      }
      callback(...result)
    })
  }
}

function later(done: (error?: Error | null) => void): (error?: Error | null) => void {
  return (error) => {
    if (error) setTimeout(done, LAST_WORDS, error)
    else done()
  }
}
