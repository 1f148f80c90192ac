/** Checks the signature of AWS (version 4) as a service does: over the request as it came, for one region and service. */

import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface AwsKey {
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

/** The code and the words of the refusal; undefined where the signature is right. */
export function refusedSignature(
  call: SignedCall,
  {
    key,
    region,
    service,
    now,
  }: { readonly key: AwsKey; readonly region: string; readonly service: string; readonly now: number },
): readonly [code: string, message: string] | undefined {
  const { headers } = call
  const [, id, date, ...scope] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  const [inRegion, ofService, names = '', signature] = scope
  if (id === undefined || date === undefined) {
    return ['MissingAuthenticationTokenException', 'Missing Authentication Token']
  }
  if (id !== key.id) {
    return ['UnrecognizedClientException', 'The security token included in the request is invalid.']
  }
  if (headers['x-amz-security-token'] !== key.session) {
    return ['UnrecognizedClientException', 'The security token included in the request is invalid']
  }
  if (inRegion !== region || ofService !== service) {
    return ['InvalidSignatureException', `Credential should be scoped to a valid region, not '${inRegion}'.`]
  }
  const time = String(headers['x-amz-date'])
  if (Math.abs(timeOf(time) - now) > 5 * 60_000) {
    return ['InvalidSignatureException', `Signature expired: ${time} is now earlier than the server's time`]
  }
  const signed = names.split(';')
  for (const needed of ['host', 'x-amz-date', 'x-amz-target']) {
    if (!signed.includes(needed)) return ['InvalidSignatureException', `${needed} is not signed`]
  }
  const canonical = [
    call.method,
    call.url.pathname,
    [...call.url.searchParams]
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    names,
    sha256(call.body),
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, `${date}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n')
  const derived = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${key.secret}`)
  if (hmac(derived, text).toString('hex') === signature) return undefined
  return [
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  ]
}

/** `20260102T030405Z`, in milliseconds since 1970. */
function timeOf(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
