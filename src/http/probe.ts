/** Checks the way to a registry step by step: its address, its certificate, its answer without a credential. */

import { lookup } from 'node:dns/promises'
import { RegistryError } from '../core/errors.ts'
import { chooseChallenge } from './auth/challenge.ts'
import { createHttpClient } from './client.ts'
import { secureContext, type TrustOptions } from './trust/context.ts'
import { shakeHands } from './trust/handshake.ts'

export interface TlsOptions extends TrustOptions {
  readonly insecure?: boolean | undefined
  /** Of requests. */
  readonly userAgent: string
}

const WITHIN = 10_000

/** The addresses that `hostname` has. */
export async function probeAddress(hostname: string): Promise<string> {
  const addresses = await lookup(withoutBrackets(hostname), { all: true })
  return addresses.map(({ address }) => address).join(', ')
}

/** Shakes hands and says until when the certificate is valid. `now` in milliseconds. */
export async function probeTls(url: URL, options: TlsOptions, now: number, signal: AbortSignal): Promise<string> {
  const tls = { secureContext: secureContext(options) }
  const { chain, distrust } = await shakeHands(url, { tls, distrusted: options.insecure ?? false }, signal)
  const until = chain[0]?.notAfter
  if (!until) return 'no certificate'
  const days = Math.floor((until.getTime() - now) / 86_400_000)
  const date = until.toISOString().slice(0, 10)
  const validity = days < 0 ? `certificate expired on ${date}` : `certificate valid until ${date} (${days} days)`
  return distrust === undefined ? validity : `${validity}; not trusted, and not checked: ${distrust}`
}

/** What `GET /v2/` is answered without a credential; undefined for an answer that no registry gives. */
export async function probeApi(url: URL, options: TlsOptions, signal: AbortSignal): Promise<string | undefined> {
  const credential = async () => ({ kind: 'anonymous', origin: 'none' }) as const
  const http = createHttpClient({
    ...options,
    idle: WITHIN,
    url: url.href,
    host: url.host,
    credential,
    secrets() {},
  })
  try {
    const request = { method: 'GET', url: '/v2/', expect: [200, 401, 403], redirect: false, retry: false } as const
    const { status, headers, discard } = await http.request(request, { signal, emit() {} })
    await discard()
    if (status === 200) return 'open to anonymous access'
    if (status === 403) return '403, closed to anonymous access'
    const challenge = chooseChallenge(headers['www-authenticate'])
    const realm = challenge?.parameters.realm
    if (challenge?.scheme !== 'bearer') return 'wants a user name and a password'
    return `wants a token${realm !== undefined && URL.canParse(realm) ? ` of ${new URL(realm).host}` : ''}`
  } catch (error) {
    if (error instanceof RegistryError) return undefined
    throw error
  } finally {
    await http.close()
  }
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
