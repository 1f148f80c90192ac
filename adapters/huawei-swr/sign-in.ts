/** Signs in to SWR with an access key: derives the password of its registry or asks for a temporary one, and signs requests to its API.
 *
 *  https://support.huaweicloud.com/usermanual-swr/swr_01_1000.html
 *  https://support.huaweicloud.com/devg-apisign/api-sign-algorithm.html */

import { createHash, createHmac } from 'node:crypto'
import { z } from 'zod'
import type { AdapterTools, SignInTools } from '../../src/core/adapter.ts'
import { ConfigurationError, CredentialError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { timeFrom } from '../../src/core/time.ts'
import { addressOf, textOf } from '../address.ts'
import { type Cloud, type CloudFacts, type CloudKey, keyOf, openCloud, type UnsignedRequest } from '../signed.ts'

/** What `docker login` is given: a project, or a region, and a key. */
const LOGIN = /@/

/** Undefined for the password of `docker login` and for anonymous access: only the registry takes those. */
export function swrKey(found: Credential): CloudKey | undefined {
  return keyOf(found, LOGIN)
}

export async function signIn(found: Credential, registry: Registry, tools: SignInTools): Promise<SentCredential> {
  const key = swrKey(found)
  const { origin } = found
  if (key && key.session === undefined) {
    const username = `${projectOf(registry)}@${key.id}`
    return { kind: 'basic', username, password: hmac(key.secret, key.id), origin }
  }
  if (key) return temporary(key, registry, origin, tools)
  if (found.kind === 'basic' || found.kind === 'anonymous' || found.kind === 'bearer') return found
  throw new CredentialError(`Huawei Cloud takes no credential such as the one for ${registry.name} from ${origin}`, {
    hint: 'give an access key (`type: access_key`), or the user and password of `docker login`',
  })
}

/** The project's name is that of the region unless there are more projects in it. */
function projectOf(registry: Registry): string {
  return textOf(registry, 'project') ?? regionOf(registry)
}

const HOST = /^swr\.([a-z0-9-]+)\.(.+)$/

function regionOf(registry: Registry): string {
  const { name, url = '' } = registry
  const region = textOf(registry, 'region') ?? HOST.exec(new URL(url).hostname)?.[1]
  if (region !== undefined) return region
  throw new ConfigurationError(`registry ${name}: the host of \`url\` does not say the region of Huawei Cloud`, {
    hint: 'set `options: { region: … }`, such as cn-north-4',
  })
}

function apiUrl(registry: Registry): string {
  const [, region = regionOf(registry), domain = 'myhuaweicloud.com'] =
    HOST.exec(new URL(registry.url ?? '').hostname) ?? []
  return addressOf(registry, `https://swr-api.${region}.${domain}`)
}

const AUTHS = z.looseObject({ auths: z.record(z.string(), z.looseObject({ auth: z.string() })) })
/** Milliseconds, for a password that does not say when it ends. It lives for six hours. */
const LIFE = 5 * 60 * 60_000

/** Only a permanent key has a password that can be derived from it. */
async function temporary(
  key: CloudKey,
  registry: Registry,
  origin: string,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  const { value, response } = await openSwrApi(registry, async () => key, api).ask(
    {
      method: 'POST',
      path: `/v2/manage/utils/secret?projectname=${encodeURIComponent(projectOf(registry))}`,
      operation: 'createSecret',
      what: 'sign in to SWR',
      form: AUTHS,
    },
    ctx,
  )
  const [given] = Object.values(value.auths)
  const [username = '', ...password] = Buffer.from(given?.auth ?? '', 'base64')
    .toString('utf8')
    .split(':')
  if (username === '' || password.length === 0) {
    throw new CredentialError(`SWR gave no password for the access key from ${origin}`)
  }
  const told = timeFrom(response.headers['x-swr-expireat'])?.getTime()
  const expires = told ?? Date.now() + LIFE
  return { kind: 'basic', username, password: password.join(':'), origin, expires }
}

export function openSwrApi(registry: Registry, key: () => Promise<CloudKey>, api: AdapterTools['api']): Cloud {
  return openCloud({ ...FACTS, url: apiUrl(registry) }, key, api)
}

const ERRORS = z.union([
  z.looseObject({ error_code: z.string(), error_msg: z.string().nullish() }).transform(({ error_code, error_msg }) => ({
    code: error_code,
    message: error_msg ?? '',
  })),
  z
    .union([
      z.array(z.looseObject({ errorCode: z.string(), errorMessage: z.string().nullish() })).min(1),
      z
        .looseObject({
          errors: z.array(z.looseObject({ errorCode: z.string(), errorMessage: z.string().nullish() })).min(1),
        })
        .transform(({ errors }) => errors),
    ])
    .transform(([first]) => ({ code: first?.errorCode ?? '', message: first?.errorMessage ?? '' })),
])

const FACTS: Omit<CloudFacts, 'url'> = {
  name: 'Huawei Cloud',
  sign: signature,
  refusalIn: (body) => ERRORS.safeParse(body).data,
  codes: {
    wrong: /^APIGW\.03(01|03|05|07)$/,
    throttled: /^APIGW\.0308$/,
    denied: /^(APIGW\.0302|SVCSTG\.SWR\.403\d*)$/,
    missing: /^SVCSTG\.SWR\.404\d*$/,
  },
  permission: (operation) =>
    `give the IAM user the policy SWR ${policyFor(operation)}, or a permission in the organization`,
  hints: [
    [/^SVCSTG\.SWR\.400(0097|0099)/, 'raise the quota of SWR, or delete what is not needed'],
    [/^APIGW\.0101/, 'this region has another API: use `type: docker-registry`, or set `options.api_url`'],
  ],
}

function policyFor(operation: string): string {
  if (/^(list|show)/.test(operation)) return 'ReadOnlyAccess'
  return operation === 'createNamespace' ? 'FullAccess' : 'OperateAccess'
}

const ALGORITHM = 'SDK-HMAC-SHA256'

/** The headers that sign a request. Signed are its host, its date, and the token of a temporary key. */
export function signature(request: UnsignedRequest, key: CloudKey, now: Date): Readonly<Record<string, string>> {
  const date = `${now.toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`
  const added = {
    'x-sdk-date': date,
    ...(key.session === undefined ? {} : { 'x-security-token': key.session }),
  }
  return { ...added, authorization: authorization(request, { host: request.url.host, ...added }, key, date) }
}

/** `signed`: the headers that are signed, by lower-case names. */
export function authorization(
  { method, url, body }: UnsignedRequest,
  signed: Readonly<Record<string, string>>,
  { id, secret }: CloudKey,
  date: string,
): string {
  const names = Object.keys(signed).sort()
  const path = url.pathname
    .split('/')
    .map((part) => escaped(decodeURIComponent(part)))
    .join('/')
  const query = [...url.searchParams].map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort()
  const canonical = [
    method,
    path.endsWith('/') ? path : `${path}/`,
    query.join('&'),
    ...names.map((name) => `${name}:${signed[name]?.trim()}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n')
  const proof = hmac(secret, [ALGORITHM, date, sha256(canonical)].join('\n'))
  return `${ALGORITHM} Access=${id}, SignedHeaders=${names.join(';')}, Signature=${proof}`
}

/** All but letters, digits and `-_.~`. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function hmac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex')
}
