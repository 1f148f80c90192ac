/** Connections through a proxy: TLS, keep-alive and time-outs. Loads undici, so it is made on first use only. */

import type { buildConnector, Dispatcher } from 'undici'
import type { GuardOptions } from '../guard.ts'
import { hearLastWords } from '../last-words.ts'
import { secureContext, type TrustOptions } from '../trust/context.ts'
import { proxyAddress } from './address.ts'

export interface AgentOptions extends TrustOptions {
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined
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
    secureContext: secureContext(options),
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
  const { insecure, authorities, ca, client_cert, client_key, guard, idle, connections } = options
  return { insecure, authorities, ca, client_cert, client_key, guard, idle, connections }
}

function listening(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    connect(options, (...result) => {
      if (result[1]) hearLastWords(result[1])
      callback(...result)
    })
  }
}
