/** Signs in to Volcengine with an access key: asks for a password of the instance's registry, and signs requests to the API.
 *
 *  https://www.volcengine.com/docs/6369/67269 */

import { createHash, createHmac } from 'node:crypto'
import { z } from 'zod'
import type { AdapterTools, SignInTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { timeFrom } from '../../src/core/time.ts'
import { addressOf, textOf } from '../address.ts'
import { type CloudFacts, type CloudKey, keyOf, openCloud, type UnsignedRequest } from '../signed.ts'

/** What `docker login` is given: a name, and the number of the account. */
const LOGIN = /@/

/** Undefined for the password of `docker login` and for anonymous access: only the registry takes those. */
export function volcengineKey(found: Credential): CloudKey | undefined {
  return keyOf(found, LOGIN)
}

const TOKEN = z.looseObject({ Username: z.string().min(1), Token: z.string().min(1), ExpireTime: z.string().nullish() })
/** Milliseconds, for a password that does not say when it ends. */
const LIFE = 30 * 60_000

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  const { origin } = found
  const key = volcengineKey(found)
  if (key) {
    const volcengine = openVolcengine(registry, async () => key, api)
    const token = await volcengine.ask('GetAuthorizationToken', {}, 'sign in to the registry', TOKEN, ctx)
    const expires = timeFrom(token.ExpireTime)?.getTime() ?? Date.now() + LIFE
    return { kind: 'basic', username: token.Username, password: token.Token, origin, expires }
  }
  if (found.kind === 'basic' || found.kind === 'anonymous' || found.kind === 'bearer') return found
  throw new CredentialError(`Volcengine takes no credential such as the one for ${registry.name} from ${origin}`, {
    hint: 'give an access key (`type: access_key`), or the user and password of `docker login`',
  })
}

export interface Volcengine {
  /** The instance. */
  readonly instance: string
  readonly region: string
  /** Asks for the instance's own, unless `body` names another. `what` is for messages: `list the namespaces`. */
  ask<T>(action: string, body: object, what: string, form: z.ZodType<T>, ctx: Context): Promise<T>
}

const VERSION = '2022-05-12'

export function openVolcengine(registry: Registry, key: () => Promise<CloudKey>, api: AdapterTools['api']): Volcengine {
  const { instance, region } = placeOf(registry)
  const url = addressOf(registry, 'https://open.volcengineapi.com')
  const sign: CloudFacts['sign'] = (request, signer, now) => signature(request, signer, region, now)
  const cloud = openCloud({ ...FACTS, url, sign }, key, api)
  return {
    instance,
    region,
    async ask(action, body, what, form, ctx) {
      const { value } = await cloud.ask(
        {
          method: 'POST',
          path: `/?Action=${action}&Version=${VERSION}`,
          body: { Registry: instance, ...body },
          operation: action,
          what,
          form: z.looseObject({ Result: form }),
        },
        ctx,
      )
      return value.Result
    },
  }
}

const HOST = /^(.+)-((?:cn|ap)-[a-z0-9-]+)\.cr\.i?volces\.com$/

function placeOf(registry: Registry): { readonly instance: string; readonly region: string } {
  const [, ofHost, regionOfHost] = HOST.exec(new URL(registry.url ?? '').hostname) ?? []
  const instance = textOf(registry, 'instance') ?? ofHost
  const region = textOf(registry, 'region') ?? regionOfHost
  if (instance !== undefined && region !== undefined) return { instance, region }
  const missing = `${instance === undefined ? 'the instance' : 'the region'} of Volcengine`
  throw new ConfigurationError(`registry ${registry.name}: the host of \`url\` does not say ${missing}`, {
    hint: 'set `options: { instance: …, region: … }`',
  })
}

const REFUSED = z
  .looseObject({
    ResponseMetadata: z.looseObject({
      Error: z.looseObject({ Code: z.string().nullish(), Message: z.string().nullish() }),
    }),
  })
  .transform(({ ResponseMetadata: { Error: refused } }) => ({
    code: refused.Code ?? '',
    message: refused.Message ?? '',
  }))

const FACTS: Omit<CloudFacts, 'url' | 'sign'> = {
  name: 'Volcengine',
  refusalIn: (body) => REFUSED.safeParse(body).data,
  codes: {
    wrong:
      /^(SignatureDoesNotMatch|Invalid(AccessKey|Authorization|Credential|SecretToken|SecurityToken|Timestamp)|Missing(AuthenticationToken|Signature)|SignatureExpired)/,
    throttled: /FlowLimit|Throttl|RequestLimit|TooManyRequests/i,
    denied: /^(AccessDenied|LackPolicy|Unauthorized)/,
    missing: /NotFound|NotExist/,
    taken: /AlreadyExist/,
  },
  permission: (action) => `allow cr:${action} to this user or role`,
  hints: [
    [/RegistryStatus/, 'the instance is not running: look at its state in the console'],
    [/Quota|LimitExceeded/i, 'raise the quota of the instance, or delete what is not needed'],
  ],
}

const ALGORITHM = 'HMAC-SHA256'
const SERVICE = 'cr'

/** The headers that sign a request for a region. */
export function signature(
  { method, url, headers, body }: UnsignedRequest,
  { id, secret, session }: CloudKey,
  region: string,
  now: Date,
): Readonly<Record<string, string>> {
  const date = `${now.toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`
  const digest = sha256(body)
  const added = {
    'x-content-sha256': digest,
    'x-date': date,
    ...(session === undefined ? {} : { 'x-security-token': session }),
  }
  const signed: Readonly<Record<string, string>> = {
    'content-type': headers['content-type'] ?? '',
    host: url.host,
    ...added,
  }
  const names = Object.keys(signed).sort()
  const query = [...url.searchParams].map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort()
  const lines = names.map((name) => `${name}:${signed[name]?.trim()}`)
  const canonical = [method, url.pathname, query.join('&'), ...lines, '', names.join(';'), digest].join('\n')
  const scope = [date.slice(0, 8), region, SERVICE, 'request']
  const key = scope.reduce<string | Buffer>((derived, part) => hmac(derived, part), secret)
  const proof = hmac(key, [ALGORITHM, date, scope.join('/'), sha256(canonical)].join('\n')).toString('hex')
  const authorization = `${ALGORITHM} Credential=${id}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${proof}`
  return { ...added, authorization }
}

/** As RFC 3986 has it: all but letters, digits and `-_.~`. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
