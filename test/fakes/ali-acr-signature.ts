/** Checks the signature of Alibaba Cloud (ACS3) as its gateway does: over the request as it came, each nonce once. */

import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface AlibabaKey {
  readonly id: string
  readonly secret: string
  readonly session?: string
}

export interface SignedCall {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Status, code and words of the refusal; undefined where the signature is right. */
export function refusedSignature(
  { method, url, headers, body }: SignedCall,
  { key, now, nonces }: { readonly key: AlibabaKey; readonly now: number; readonly nonces: Set<string> },
): readonly [status: number, code: string, message: string] | undefined {
  const [, id, names = '', proof] =
    /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (id === undefined) return [400, 'IncompleteSignature', 'The request signature does not conform to standards.']
  if (id !== key.id) return [404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.']
  if (headers['x-acs-security-token'] !== key.session) {
    return [400, 'InvalidSecurityToken.Malformed', 'Specified SecurityToken is malformed.']
  }
  const date = Date.parse(String(headers['x-acs-date']))
  if (!(Math.abs(date - now) <= 15 * 60_000)) {
    return [400, 'InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.']
  }
  const signed = names.split(';')
  const needed = Object.keys(headers).filter((name) => name.startsWith('x-acs-') || name === 'content-type')
  if ([...needed, 'host'].some((name) => !signed.includes(name))) {
    return [400, 'IncompleteSignature', 'A header is not signed.']
  }
  const hash = createHash('sha256').update(body).digest('hex')
  if (headers['x-acs-content-sha256'] !== hash) return [400, 'SignatureDoesNotMatch', 'The body has another hash.']
  const strict = (text: string): string =>
    [...Buffer.from(text)]
      .map((byte) => {
        const char = String.fromCharCode(byte)
        return /[A-Za-z0-9\-_.~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      })
      .join('')
  const query = [...url.searchParams.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .join('&')
  const lines = signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`).join('')
  const canonical = `${method}\n${url.pathname}\n${query}\n${lines}\n${names}\n${hash}`
  const text = `ACS3-HMAC-SHA256\n${createHash('sha256').update(canonical).digest('hex')}`
  if (createHmac('sha256', key.secret).update(text).digest('hex') !== proof) {
    return [400, 'SignatureDoesNotMatch', 'Specified signature does not match our calculation.']
  }
  const nonce = String(headers['x-acs-signature-nonce'])
  if (nonce.length < 8 || nonces.has(nonce))
    return [400, 'SignatureNonceUsed', 'Specified signature nonce was used already.']
  nonces.add(nonce)
  return undefined
}
