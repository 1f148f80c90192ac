/** Shakes hands with a TLS server and says who it claims to be: the chain that it shows, and why that would not be trusted. */

import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { abortReason, throwIfAborted } from '../../core/cancel.ts'
import { certificateProblem, subjectNames } from '../failure.ts'
import type { ProxyAddress } from '../proxy/address.ts'
import { tunnel } from './tunnel.ts'

/** One certificate of a chain, as people compare it. */
export interface ShownCertificate {
  /** `CN=registry.example.com, O=Example`. */
  readonly subject: string
  readonly issuer: string
  /** `AB:CD:…`, of the whole certificate. */
  readonly sha256: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** Host names and addresses that it is for. */
  readonly names: readonly string[]
  /** It may sign others. */
  readonly isAuthority: boolean
  readonly selfSigned: boolean
  readonly pem: string
}

export interface Handshake {
  /** The server's own first, then those that signed it, as far as the server sent them. */
  readonly chain: readonly ShownCertificate[]
  /** Why the certificate would be refused; undefined where it is trusted. */
  readonly distrust: string | undefined
}

export interface HandshakeOptions {
  /** Whom to trust, and the client certificate. */
  readonly tls: Required<Pick<ConnectionOptions, 'secureContext'>>
  /** true: the chain is told although it is not trusted. */
  readonly distrusted: boolean
  /** Absent: straight to the server. */
  readonly proxy?: ProxyAddress | undefined
}

const WITHIN = 10_000
/** A chain has three certificates or four; a server may send any number. */
const LONGEST_CHAIN = 10

/** Throws Node's error where the server cannot be reached or, unless `distrusted`, is not trusted. Nothing is asked of the server. */
export async function shakeHands(
  url: URL,
  { tls, distrusted, proxy }: HandshakeOptions,
  signal: AbortSignal,
): Promise<Handshake> {
  throwIfAborted(signal)
  const within = AbortSignal.any([signal, AbortSignal.timeout(WITHIN)])
  const through = proxy === undefined ? undefined : await tunnel(url, proxy, within)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...(through === undefined ? { host, port: Number(url.port || 443) } : { socket: through }),
      ...(isIP(host) ? {} : { servername: host }),
      ...tls,
      rejectUnauthorized: !distrusted,
    })
    const stop = (): void => {
      socket.destroy(abortReason(signal))
    }
    signal.addEventListener('abort', stop, { once: true })
    socket.setTimeout(WITHIN, () => socket.destroy(new Error(`no answer within ${WITHIN / 1000} s`)))
    socket.once('error', reject)
    socket.once('close', () => {
      signal.removeEventListener('abort', stop)
      reject(new Error('the connection was closed'))
    })
    socket.once('secureConnect', () => {
      resolve({ chain: chainOf(socket), distrust: distrustOf(socket) })
      socket.end()
    })
  })
}

/** Undefined where the certificate is trusted. */
function distrustOf({ authorized, authorizationError: why }: TLSSocket): string | undefined {
  if (authorized) return undefined
  const reason = why instanceof Error ? why.message : String(why)
  return certificateProblem(reason)?.message ?? reason
}

function chainOf(socket: TLSSocket): readonly ShownCertificate[] {
  const chain: X509Certificate[] = []
  let next = socket.getPeerX509Certificate()
  while (
    next &&
    chain.length < LONGEST_CHAIN &&
    !chain.some((known) => known.fingerprint256 === next?.fingerprint256)
  ) {
    chain.push(next)
    next = next.issuerCertificate
  }
  return chain.map(shown)
}

/** Throws where `pem` is not a certificate. */
export function shownCertificate(pem: string): ShownCertificate {
  return shown(new X509Certificate(pem))
}

function shown(certificate: X509Certificate): ShownCertificate {
  const { subject, issuer, fingerprint256, validFrom, validTo, subjectAltName = '', ca } = certificate
  return {
    subject: oneLine(subject),
    issuer: oneLine(issuer),
    sha256: fingerprint256,
    notBefore: new Date(validFrom),
    notAfter: new Date(validTo),
    names: subjectNames(subjectAltName),
    isAuthority: ca,
    selfSigned: certificate.checkIssued(certificate),
    pem: certificate.toString(),
  }
}

/** Node has a line for each part of a name. */
function oneLine(name: string): string {
  return name.trim().split('\n').join(', ')
}
