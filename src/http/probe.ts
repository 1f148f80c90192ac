/** Checks the way to a registry step by step: its address, its certificate, its answer without a credential. */

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { abortReason } from '../core/cancel.ts'
import { RegistryError } from '../core/errors.ts'
import { chooseChallenge } from './auth/challenge.ts'
import { createHttpClient } from './client.ts'
import { certificateProblem } from './failure.ts'

export interface TlsOptions {
  readonly insecure?: boolean | undefined
  /** PEM, like the two after it. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

const WITHIN = 10_000

/** The addresses that `hostname` has. */
export async function probeAddress(hostname: string): Promise<string> {
  const addresses = await lookup(withoutBrackets(hostname), { all: true })
  return addresses.map(({ address }) => address).join(', ')
}

/** Shakes hands and says until when the certificate is valid. `now` in milliseconds. */
export async function probeTls(url: URL, options: TlsOptions, now: number, signal: AbortSignal): Promise<string> {
  const { certificate, distrust } = await handshake(url, options, signal)
  const until = new Date(certificate.valid_to)
  const days = Math.floor((until.getTime() - now) / 86_400_000)
  const date = until.toISOString().slice(0, 10)
  const validity = days < 0 ? `certificate expired on ${date}` : `certificate valid until ${date} (${days} days)`
  return distrust === undefined ? validity : `${validity}; not trusted, and not checked: ${distrust}`
}

interface Handshake {
  readonly certificate: PeerCertificate
  /** Why the certificate would have been refused. */
  readonly distrust: string | undefined
}

function handshake(url: URL, { insecure, ...trust }: TlsOptions, signal: AbortSignal): Promise<Handshake> {
  const host = withoutBrackets(url.hostname)
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port: Number(url.port || 443),
      ...(isIP(host) ? {} : { servername: host }),
      ...given(trust),
      rejectUnauthorized: !insecure,
    })
    const stop = (): void => {
      socket.destroy(abortReason(signal))
    }
    signal.addEventListener('abort', stop, { once: true })
    socket.setTimeout(WITHIN, () => socket.destroy(tooSlow()))
    socket.once('error', reject)
    socket.once('close', () => {
      signal.removeEventListener('abort', stop)
      reject(new Error('the connection was closed'))
    })
    socket.once('secureConnect', () => {
      const { authorized, authorizationError: why } = socket
      const reason = why instanceof Error ? why.message : String(why)
      const distrust = authorized ? undefined : (certificateProblem(reason)?.message ?? reason)
      resolve({ certificate: socket.getPeerCertificate(), distrust })
      socket.end()
    })
  })
}

/** What `GET /v2/` is answered without a credential; undefined for an answer that no registry gives. */
export async function probeApi(url: URL, options: TlsOptions, signal: AbortSignal): Promise<string | undefined> {
  const { insecure, ca, cert, key } = options
  const credential = async () => ({ kind: 'anonymous', origin: 'none' }) as const
  const trust = { insecure, ca, client_cert: cert, client_key: key, idle: WITHIN }
  const http = createHttpClient({
    ...trust,
    url: url.href,
    host: url.host,
    credential,
    userAgent: 'replicate',
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

function tooSlow(): Error {
  return new Error(`no answer within ${WITHIN / 1000} s`)
}

function given(trust: Omit<TlsOptions, 'insecure'>): { ca?: string; cert?: string; key?: string } {
  return Object.fromEntries(Object.entries(trust).filter(([, value]) => value !== undefined))
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
