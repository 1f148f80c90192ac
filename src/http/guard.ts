/** Keeps a registry from sending this program where only this machine may go: itself, its link, its cloud's metadata. A token server, a
 *  redirect and an upload's `Location` are the registry's word; so the address that is connected to is judged, whatever its name. */

import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { NetworkError } from '../core/errors.ts'

/** Plain data, as it is given to other threads. */
export interface GuardOptions {
  /** The registry's URL: its own host and port are always allowed. Absent: everything is. */
  readonly registry?: string | undefined
  /** Addresses, networks or host names, each with or without a port, that the registry may name, too. */
  readonly allowed?: readonly string[] | undefined
}

export interface Guard {
  /** Whether a URL is of the registry's own scheme, host and port. */
  isOwn(url: URL): boolean
  /** How to look up the host of `url` for a connection; undefined: as always. Throws a `NetworkError` for a forbidden address that is
   *  written out; what the lookup gives for a name with only forbidden addresses is such an error, too. */
  lookupFor(url: URL): LookupFunction | undefined
  /** The same for a request that a proxy will send, as far as its host can be resolved here. */
  check(url: URL): Promise<void>
}

/** Why a registry must not name an address. */
type Kind = 'this machine' | 'its link' | 'the metadata of its cloud'

const LISTS: readonly (readonly [Kind, BlockList])[] = [
  [
    'the metadata of its cloud',
    blockList(
      '169.254.169.254',
      '169.254.170.2',
      '169.254.170.23',
      'fd00:ec2::/112',
      '100.100.100.200',
      '168.63.129.16',
    ),
  ],
  // `::/96` also holds the unspecified address and IPv4 written as IPv6; mapped addresses match the list of IPv4.
  ['this machine', blockList('127.0.0.0/8', '0.0.0.0/8', '::/96')],
  ['its link', blockList('169.254.0.0/16', 'fe80::/10')],
]
const METADATA_NAMES: ReadonlySet<string> = new Set(['metadata.google.internal', 'metadata.goog', 'metadata'])

export function createGuard({ registry, allowed = [] }: GuardOptions): Guard {
  const own = registry === undefined ? undefined : new URL(registry)
  const exceptions = allowed.map(exceptionFrom)
  // A registry that is itself at such an address may name others of its kind: a test registry on this machine.
  const ownKind = own && kindOfHost(own)

  function isOwn(url: URL): boolean {
    return !own || (url.protocol === own.protocol && url.host === own.host)
  }

  function isFree(url: URL): boolean {
    return isOwn(url) || exceptions.some((it) => it.covers(url, undefined))
  }

  function refusalOf(url: URL, address: string): NetworkError | undefined {
    const kind = kindOf(address)
    if (!kind || kind === ownKind || exceptions.some((it) => it.covers(url, address))) return undefined
    return refused(url, address, kind)
  }

  /** Judges a literal address; undefined for a name, which must be looked up first. */
  function refusalOfText(url: URL): NetworkError | undefined {
    const host = hostOf(url)
    if (isIP(host)) return refusalOf(url, host)
    return METADATA_NAMES.has(host) ? refused(url, host, 'the metadata of its cloud') : undefined
  }

  return {
    isOwn,
    lookupFor(url) {
      if (isFree(url)) return undefined
      const refusal = refusalOfText(url)
      if (refusal) throw refusal
      return (name, options, callback) =>
        lookup(name, { ...options, all: true }, (error, found) => {
          if (error) return callback(error, '')
          const [first, ...others] = found.filter(({ address }) => !refusalOf(url, address))
          if (!first) return callback(refusalOf(url, found[0]?.address ?? '') ?? error, '')
          return options.all ? callback(null, [first, ...others]) : callback(null, first.address, first.family)
        })
    },
    async check(url) {
      if (isFree(url)) return
      const refusal =
        refusalOfText(url) ?? (await addressesOf(hostOf(url))).map((it) => refusalOf(url, it)).find(Boolean)
      if (refusal) throw refusal
    },
  }
}

/** The reason why a registry must not name this address; undefined where it may. */
export function kindOf(address: string): Kind | undefined {
  const plain = address.replace(/%.*$/, '')
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4'
  return LISTS.find(([, list]) => list.check(plain, family))?.[0]
}

function kindOfHost(url: URL): Kind | undefined {
  const host = hostOf(url)
  if (host === 'localhost' || host.endsWith('.localhost')) return 'this machine'
  return isIP(host) ? kindOf(host) : undefined
}

interface Exception {
  /** `address`: what the host was resolved to, where that is known. */
  covers(url: URL, address: string | undefined): boolean
}

function exceptionFrom(text: string): Exception {
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*|[^:]*:[^:]*:.*?))(?::(\d+))?$/.exec(text) ?? []
  const host = (bracketed ?? plain).toLowerCase()
  const list = isNetwork(host) ? blockList(host) : undefined
  return {
    covers(url, address) {
      if (port !== undefined && port !== portOf(url)) return false
      if (!list) return host === hostOf(url)
      const judged = address ?? hostOf(url)
      const family = isIP(judged)
      return family !== 0 && list.check(judged, family === 6 ? 'ipv6' : 'ipv4')
    },
  }
}

function isNetwork(text: string): boolean {
  const [address = '', bits = '0'] = text.split('/')
  const family = isIP(address)
  return family !== 0 && /^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
}

function blockList(...entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

function refused(url: URL, address: string, kind: Kind): NetworkError {
  const place = `${url.hostname}:${portOf(url)}`
  const where = url.hostname.includes(address) ? place : `${place} (${address})`
  return new NetworkError(`the registry sends this machine to ${where}, which is ${kind}: refused`, {
    retryable: false,
    hint: `if that is right, put ${JSON.stringify(place)} into \`allow_addresses:\` of the registry`,
  })
}

function addressesOf(host: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    // A name that only the proxy knows is judged by the proxy.
    lookup(host, { all: true }, (error, found) => resolve(error ? [] : found.map(({ address }) => address)))
  })
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

function portOf(url: URL): string {
  return url.port || (url.protocol === 'https:' ? '443' : '80')
}
