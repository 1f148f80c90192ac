/** Checks the way to a registry step by step: its address, its certificate, its answer without a credential. */

import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { abortReason } from '../core/cancel.ts'
import { parseChallenges } from './auth/challenge.ts'
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

/** What `GET /v2/` is answered without a credential; undefined for what no registry answers. */
export async function probeApi(url: URL, options: TlsOptions, signal: AbortSignal): Promise<string | undefined> {
  const { statusCode = 0, headers } = await answered(url, options, signal)
  if (statusCode === 200) return 'open to anonymous access'
  if (statusCode === 403) return '403, closed to anonymous access'
  if (statusCode !== 401) return undefined
  const [challenge] = parseChallenges(headers['www-authenticate'] ?? '')
  const realm = challenge?.parameters.realm
  if (challenge?.scheme !== 'bearer') return 'wants a user name and a password'
  return `wants a token${realm !== undefined && URL.canParse(realm) ? ` of ${new URL(realm).host}` : ''}`
}

async function answered(url: URL, { insecure, ...trust }: TlsOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const target = new URL(`${url.pathname.replace(/\/$/, '')}/v2/`, url)
  const options = { agent: false, signal, ...given(trust), rejectUnauthorized: !insecure } as const
  // Loaded here, as loading takes 30 ms that other commands need not spend.
  const { get } = await (target.protocol === 'https:' ? import('node:https') : import('node:http'))
  return new Promise((resolve, reject) => {
    const request = get(target, options, (response) => {
      resolve(response)
      response.destroy()
    })
    request.setTimeout(WITHIN, () => request.destroy(tooSlow()))
    request.once('error', reject)
  })
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
