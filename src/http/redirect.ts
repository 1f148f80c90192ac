/** Where a redirect leads, and what may go along. */

import { NetworkError } from '../core/errors.ts'
import { foreignName } from '../core/foreign.ts'
import { REDIRECTS } from '../core/http.ts'
import { redactUrl } from './redact.ts'

export const MAX_HOPS = 10
/** What another host may see. `Accept` stays, as a registry may move manifests too. */
const HARMLESS: ReadonlySet<string> = new Set(['accept', 'accept-encoding', 'range', 'user-agent', 'if-none-match'])

export interface Hop {
  readonly method: string
  readonly url: URL
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

export function isRedirect(status: number): boolean {
  return REDIRECTS.includes(status)
}

/** The next request; to another host or port without credentials or any other header that may be a secret.
 *  Throws a `NetworkError` for a redirect from https to http, to another scheme or without a sense. */
export function nextHop(from: Hop, status: number, location: string): Hop {
  const url = URL.parse(location, from.url.href)
  if (!url) throw refused(`redirect to a malformed URL: ${foreignName(redactUrl(location))}`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused(`redirect to ${url.protocol} refused`)
  if (from.url.protocol === 'https:' && url.protocol === 'http:') {
    throw refused(`redirect from https to http refused: ${from.url.host} to ${url.host}`)
  }
  url.username = ''
  url.password = ''
  url.hash = ''
  return {
    method: status === 303 && from.method !== 'HEAD' ? 'GET' : from.method,
    url,
    headers: url.host === from.url.host && url.protocol === from.url.protocol ? from.headers : harmless(from.headers),
  }
}

function harmless(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.has(name)))
}

function refused(message: string): NetworkError {
  return new NetworkError(message, { retryable: false })
}
