/** Whether a delivery proves that it knows the secret. Takes as long for a wrong one as for the right one. */

import { createHmac } from 'node:crypto'
import type { Delivery } from '../../core/adapter.ts'
import type { HookFacts } from '../../core/hooks.ts'
import { isSameSecret } from '../http/same.ts'

/** `missing`: nothing was shown. */
export type Proof = 'right' | 'wrong' | 'missing'

/** Names under which the secret may stand in the URL, for senders that are given nothing but that. */
const IN_URL = ['token', 'secret'] as const
/** How many secrets one request may try. */
const MOST = 8

/** `url` is that of the request. */
export function secretShown(
  headers: Delivery['headers'],
  url: string,
  secret: string,
  facts: HookFacts | undefined,
): Proof {
  const { authorization = '' } = headers
  const [, scheme = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(authorization) ?? []
  const shown = [
    authorization,
    scheme.toLowerCase() === 'basic' ? passwordIn(rest) : rest,
    facts?.header === undefined ? '' : (headers[facts.header] ?? ''),
    ...secretsIn(url),
  ].filter((text) => text !== '')
  if (shown.length === 0) return 'missing'
  return shown.slice(0, MOST).filter((text) => isSameSecret(text, secret)).length > 0 ? 'right' : 'wrong'
}

/** By the HMAC of the body that a header has. */
export function bodySigned(headers: Delivery['headers'], body: Uint8Array, secret: string, header: string): Proof {
  const shown = headers[header]?.trim().toLowerCase()
  if (!shown) return 'missing'
  const right = createHmac('sha256', secret).update(body).digest('hex')
  return isSameSecret(shown.replace(/^sha256=/, ''), right) ? 'right' : 'wrong'
}

function secretsIn(url: string): readonly string[] {
  const query = new URLSearchParams(url.split('?')[1] ?? '')
  // A + that was not encoded is read as a space.
  return IN_URL.flatMap((name) => query.getAll(name)).flatMap((text) => [text, text.replaceAll(' ', '+')])
}

function passwordIn(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  return text.slice(text.indexOf(':') + 1)
}
