/** Decides whether a URL is on the registry's own host, or on another host, which gets no credential. */

import { ConfigurationError, NetworkError } from '../core/errors.ts'
import { foreignName } from '../core/foreign.ts'

export interface Target {
  /** The registry's URL without credentials and without a trailing slash. */
  readonly url: string
  /** A path below the registry's URL, or an absolute URL; `own` where a credential may go along.
   *  Throws a `NetworkError` for plain HTTP from an https registry. */
  resolve(url: string): { readonly url: URL; readonly own: boolean }
  isOwn(url: URL): boolean
}

export function ownTarget(registry: string): Target {
  const base = URL.parse(registry)
  if (!base || (base.protocol !== 'https:' && base.protocol !== 'http:')) {
    throw new ConfigurationError(`not an http or https URL: ${JSON.stringify(registry)}`)
  }
  base.username = ''
  base.password = ''
  base.search = ''
  base.hash = ''
  const prefix = base.href.replace(/\/+$/, '')
  const ownPort = portOf(base)

  function isOwn(url: URL): boolean {
    return url.protocol === base?.protocol && url.host === base.host
  }

  return {
    url: prefix,
    isOwn,
    resolve(text) {
      if (text.startsWith('/') && !text.startsWith('//')) return { url: new URL(prefix + text), own: true }
      const url = URL.parse(text)
      if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
        throw new NetworkError(`not an http or https URL: ${JSON.stringify(foreignName(text))}`, { retryable: false })
      }
      url.username = ''
      url.password = ''
      url.hash = ''
      if (url.protocol === 'http:' && base.protocol === 'https:') {
        // A registry behind a proxy that ends TLS makes such links where the proxy does not tell it. They mean the registry itself.
        if (url.hostname !== base.hostname || (url.port !== '' && url.port !== ownPort) || !samePort(url, base)) {
          throw new NetworkError(`the https registry names a plain http address: ${url.host}`, { retryable: false })
        }
        url.protocol = 'https:'
        url.port = base.port
      }
      return { url, own: isOwn(url) }
    },
  }
}

/** An http link without a port stands for the registry only where the registry's URL has no port either. */
function samePort(url: URL, base: URL): boolean {
  return url.port !== '' || base.port === ''
}

function portOf(url: URL): string {
  return url.port || (url.protocol === 'https:' ? '443' : '80')
}
