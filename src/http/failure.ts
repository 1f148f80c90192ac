/** Puts the errors of Node and undici into plain words: refused, not found, certificate, time-out, broken connection. */

import { NetworkError, ReplicateError } from '../core/errors.ts'
import { foreignName } from '../core/foreign.ts'

/** Where a request went, for the sentence. */
export interface Peer {
  /** With the port, as in `registry.example.com:5000`. */
  readonly host: string
  readonly protocol: 'http:' | 'https:'
  /** The proxy's host and port. Where a proxy is used, it is the proxy that refused. */
  readonly proxy?: string | undefined
  /** The proxy's URL holds a credential. */
  readonly signedIn?: boolean | undefined
  /** False until the first answer. Before it, a host that does not exist is a final failure. */
  readonly reached: boolean
}

/** A `NetworkError` for what undici or Node threw; errors of ours (a source's, in an upload) stay as they are. */
export function networkError(error: unknown, peer: Peer): ReplicateError {
  if (error instanceof ReplicateError) return error
  const code = codeOf(error)
  const text = messageOf(error)
  const near = peer.proxy === undefined ? peer.host : `proxy ${peer.proxy}`
  const fail = (message: string, retryable: boolean, hint?: string) =>
    new NetworkError(message, { cause: error, retryable, hint })
  const silence = (message: string) => new NetworkError(message, { cause: error, silent: true })

  const proxied = peer.proxy === undefined ? undefined : PROXY_HINT

  switch (code) {
    case 'ECONNREFUSED':
      return fail(
        `connection refused by ${near}`,
        peer.reached,
        proxied ?? 'check the address and that the server is running',
      )
    case 'ENOTFOUND':
      return fail(
        `host not found: ${near}`,
        peer.reached,
        proxied ?? 'check the spelling of the host and the name server',
      )
    case 'EAI_AGAIN':
      return fail(`the name server does not answer for ${near}`, true)
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fail(`no route to ${near}`, peer.reached)
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return fail(
        `no connection to ${near}: timed out`,
        peer.reached,
        proxied ?? 'check the address, firewall and proxy',
      )
    case 'EMFILE':
    case 'ENFILE':
      return fail(
        `no connection to ${near}: this machine has too many files open`,
        true,
        'raise the limit (`ulimit -n`), or lower `limits.connections` and `concurrency`',
      )
    case 'UND_ERR_HEADERS_TIMEOUT':
      return silence(`${peer.host} did not answer in time`)
    case 'UND_ERR_BODY_TIMEOUT':
      return silence(`${peer.host} stopped sending`)
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return fail(`connection closed by ${near}`, true)
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return fail('the body to send does not have the length that was announced', true)
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return fail(`${peer.host} ended its answer too early`, true)
  }
  const certificate = certificateProblem(code, text, namesOf(error))
  if (certificate) {
    // The proxy only passes TLS on, unless it opens it.
    const through = peer.proxy === undefined ? '' : ` through proxy ${peer.proxy}`
    const { message, hint } = certificate
    const opened =
      through !== '' && hint === UNKNOWN_AUTHORITY ? 'the proxy may open TLS by an authority of its own: ' : ''
    return fail(`${message} at ${peer.host}${through}`, false, hint && opened + hint)
  }
  if (/HTTP Tunneling|Proxy Authentication|Proxy Connection/i.test(text))
    return tunnelError(text, near, peer.signedIn ?? false, fail)
  if (code.startsWith('HPE_') || (error instanceof Error && error.name === 'HTTPParserError'))
    return fail(`${peer.host} does not answer in HTTP/1.1`, peer.reached)
  return fail(`request to ${near} failed: ${text || code}`, true)
}

const PROXY_HINT =
  'check HTTPS_PROXY and HTTP_PROXY, or `proxy:` of the registry; NO_PROXY names what is reached without a proxy'

/** `registry.example.com:443`. */
export function hostWithPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`
}

function tunnelError(
  text: string,
  near: string,
  signedIn: boolean,
  fail: (message: string, retryable: boolean, hint?: string) => NetworkError,
): NetworkError {
  const status = /\((\d{3})\)/.exec(text)?.[1]
  if (status === '407' && signedIn) {
    return fail(`${near} refused the credential in its URL (407)`, false, 'check user and password in the proxy URL')
  }
  if (status === '407') return fail(`${near} wants a credential (407)`, false, 'put USER:PASSWORD@ into the proxy URL')
  if (status === undefined) return fail(`${near} closed the connection`, true)
  return fail(`${near} would not connect (${status})`, status.startsWith('5'))
}

/** The hint where an authority is not trusted. */
export const UNKNOWN_AUTHORITY =
  'add the certificate of its authority to those of this machine, to `certs.d/HOST` of Docker or Podman, to a file in SSL_CERT_FILE, or to `ca:` of the registry; `insecure: true` is for tests'

/** The hint where a server ends the handshake. */
export const CLIENT_CERTIFICATE =
  'the server may want a client certificate: `client_cert:` and `client_key:`, or `certs.d` of Docker or Podman'

/** What is wrong with a certificate, or with TLS; undefined for any other failure. */
export function certificateProblem(
  code: string,
  text = '',
  names: readonly string[] = [],
): { message: string; hint?: string } | undefined {
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return { message: 'self-signed certificate', hint: UNKNOWN_AUTHORITY }
    // An authority that the server sends along, and that no one here knows.
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_UNTRUSTED':
      return { message: 'certificate of an unknown authority', hint: UNKNOWN_AUTHORITY }
    case 'CERT_HAS_EXPIRED':
      return { message: 'expired certificate', hint: 'renew it, and check the clock of this machine' }
    case 'CERT_NOT_YET_VALID':
      return { message: 'certificate that is not valid yet', hint: 'check the clock of this machine' }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        message: `certificate for another host${inBrackets(names)}`,
        hint: 'use a host name that the certificate holds',
      }
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return { message: 'no TLS, the server speaks plain HTTP', hint: 'set `url:` to http://… for this registry' }
  }
  if (/wrong version number|packet length too long|http request/i.test(text)) {
    return { message: 'no TLS, the server speaks plain HTTP', hint: 'set `url:` to http://… for this registry' }
  }
  if (/CERTIFICATE_REQUIRED|certificate required|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/i.test(code + text)) {
    return {
      message: 'TLS handshake refused',
      hint: CLIENT_CERTIFICATE,
    }
  }
  if (/^CERT_|^UNABLE_TO_|^ERR_TLS_|^ERR_SSL_|^ERR_OSSL_|^EPROTO$/.test(code))
    return { message: `TLS failure (${code})` }
  return undefined
}

/** Of the certificate that an error of Node's is about. */
export function namesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error && 'cert' in error)) return []
  const { cert } = error
  const text = typeof cert === 'object' && cert !== null && 'subjectaltname' in cert ? String(cert.subjectaltname) : ''
  return subjectNames(text)
}

/** The hosts and addresses in OpenSSL's text of a certificate's alternative names. */
export function subjectNames(text: string): readonly string[] {
  return [...text.matchAll(/(?:DNS|IP Address):"?([^,\s"]+)/g)].map(([, name = '']) => name)
}

const SHOWN_NAMES = 5

/** ` (a.example.com, 10.0.0.1 and 3 more)`. */
function inBrackets(names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  return ` (${names.slice(0, SHOWN_NAMES).map(foreignName).join(', ')}${more})`
}

/** The code of an error or of the one it wraps: undici and Node nest them. */
function codeOf(error: unknown): string {
  for (let current = error, depth = 0; current instanceof Error && depth < 4; current = current.cause, depth += 1) {
    const inner = current.cause instanceof Error && 'code' in current.cause
    if ('code' in current && typeof current.code === 'string' && !(inner && current.code.startsWith('UND_ERR_PRX'))) {
      return current.code
    }
  }
  return ''
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
