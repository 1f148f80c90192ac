/** Which proxy a request goes through, and how its address reads: from the configuration or the environment. */

import { BlockList, isIP } from 'node:net'
import { ConfigurationError } from '../../core/errors.ts'

export interface ProxyAddress {
  /** Without the credential. */
  readonly url: URL
  readonly credential: { readonly username: string; readonly password: string } | undefined
}

/** Reads the address of a proxy. One without a scheme, such as `proxy.example.com:3128`, is an HTTP proxy, as it is for curl. */
export function proxyAddress(text: string): ProxyAddress {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    const shown = text.slice(text.lastIndexOf('@') + 1)
    if (/^socks/i.test(text)) {
      throw new ConfigurationError(`a SOCKS proxy cannot be used: ${JSON.stringify(shown)}`, {
        hint: 'name an HTTP proxy in HTTPS_PROXY and HTTP_PROXY, or what is reached without one in NO_PROXY',
      })
    }
    throw new ConfigurationError(`not the address of a proxy: ${JSON.stringify(shown)}`, {
      hint: 'a proxy is `http://HOST:PORT` or `https://HOST:PORT`, in `proxy:` or in HTTP_PROXY and HTTPS_PROXY',
    })
  }
  const { username, password } = url
  url.username = ''
  url.password = ''
  const credential = username === '' ? undefined : { username: decoded(username), password: decoded(password) }
  return { url, credential }
}

/** The text itself where it is not percent-encoded, as in `100%`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case; loopback never goes through a proxy. */
export function proxyFromEnvironment(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const target = new URL(url)
  const variable = (name: string): string | undefined => env[name] || env[name.toLowerCase()] || undefined
  const own = target.protocol === 'https:' ? variable('HTTPS_PROXY') : variable('HTTP_PROXY')
  const proxy = own ?? variable('ALL_PROXY')
  if (proxy === undefined || isLoopback(target) || isMetadata(url)) return undefined
  const exempt = (variable('NO_PROXY') ?? '').split(/[\s,]+/).filter(Boolean)
  return exempt.some((entry) => covers(entry, target)) ? undefined : proxy
}

/** Where a cloud tells a machine who it is. A proxy would ask for another machine. */
export function isMetadata(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname.startsWith('169.254.') || hostname === 'metadata.google.internal' || hostname === '[fd00:ec2::254]'
}

function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
}

/** Whether an entry of `NO_PROXY` names this host: `*`, a name with all below it, an address, or a network; each with or without a port. */
function covers(entry: string, { protocol, hostname, port }: URL): boolean {
  if (entry === '*') return true
  const [, bracketed, plain = '', only] = /^(?:\[([^\]]*)\]|([^:]*|[^:]*:[^:]*:.*?))(?::(\d+))?$/.exec(entry) ?? []
  if (only !== undefined && only !== (port || (protocol === 'https:' ? '443' : '80'))) return false
  const name = withoutDots((bracketed ?? plain).toLowerCase())
  if (name === '') return false
  const host = withoutDots(hostname.replace(/^\[|\]$/g, ''))
  const [address = '', bits] = name.split('/')
  const family = isIP(address)
  if (family === 0) return host === name || host.endsWith(`.${name}`)
  const size = family === 4 ? 32 : 128
  const length = bits === undefined ? size : Number(bits)
  if (isIP(host) !== family || !Number.isInteger(length) || length < 0 || length > size) return false
  const network = new BlockList()
  network.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
  return network.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** Without the `.` or `*.` before a domain, and the `.` after one. */
function withoutDots(name: string): string {
  return name.replace(/^\*?\./, '').replace(/\.$/, '')
}
