/** Connections through a proxy: TLS, keep-alive and time-outs. Loads undici, so it is made on first use only. */

import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { buildConnector, Dispatcher } from 'undici'
import { ConfigurationError } from '../../core/errors.ts'
import type { GuardOptions } from '../guard.ts'
import { hearLastWords } from '../last-words.ts'
import { proxyAddress } from './address.ts'

export interface AgentOptions {
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined
  /** PEM texts, not paths. `ca` is trusted besides the system's authorities. */
  readonly ca?: string | undefined
  readonly client_cert?: string | undefined
  readonly client_key?: string | undefined
  readonly proxy?: string | undefined
  /** Where the registry is and what it may name; absent: every host is as good as the registry. */
  readonly guard?: GuardOptions | undefined
  /** Milliseconds without a byte, after which an answer is given up. */
  readonly idle: number
  /** How many requests are sent at once; default 32. */
  readonly connections?: number | undefined
}

/** A few more than there are requests at once: the connection of an answered request is free only a moment later. */
const SPARE = 4
/** Milliseconds. */
export const CONNECT_TIMEOUT = 10_000
/** Milliseconds. The answer to an upload may take minutes, as the registry hashes the blob first. */
export const SLOW_ANSWER = 15 * 60_000

/** The options for hosts other than the registry's own: their certificates are checked, and the client certificate is not sent. */
export function towardsOthers(options: AgentOptions): AgentOptions {
  return { ...options, insecure: undefined, client_cert: undefined, client_key: undefined }
}

export async function createAgent(options: AgentOptions): Promise<Dispatcher> {
  const undici = await import('undici')
  const tls = {
    rejectUnauthorized: !options.insecure,
    timeout: CONNECT_TIMEOUT,
    allowH2: false,
    ...secureContext(options),
  }
  const connections = (options.connections ?? 32) + SPARE
  const common = { connections, headersTimeout: options.idle, bodyTimeout: options.idle, pipelining: 1, allowH2: false }
  if (options.proxy !== undefined) {
    const { url, credential } = proxyAddress(options.proxy)
    const token =
      credential && `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`
    return new undici.ProxyAgent({
      ...common,
      uri: url.href,
      ...(token === undefined ? {} : { token }),
      requestTls: tls,
      proxyTls: tls,
    })
  }
  return new undici.Agent({ ...common, connect: listening(undici.buildConnector(tls)) })
}

/** Only what opens connections, without functions: it can be given to another thread. */
export function connectionOptions(options: AgentOptions): AgentOptions {
  const { insecure, ca, client_cert, client_key, guard, idle, connections } = options
  return { insecure, ca, client_cert, client_key, guard, idle, connections }
}

/** Made once: parsing the system's authorities costs milliseconds for each connection otherwise. */
export function secureContext(options: Pick<AgentOptions, 'ca' | 'client_cert' | 'client_key'>): {
  secureContext?: SecureContext
} {
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

function listening(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    connect(options, (...result) => {
      if (result[1]) hearLastWords(result[1])
      callback(...result)
    })
  }
}
