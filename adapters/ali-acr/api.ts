/** Which edition a registry is of and where its API answers, and how requests to it are signed.
 *
 *  https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature */

import { createHash, createHmac, randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, UnsupportedError } from '../../src/core/errors.ts'
import { foreignName } from '../../src/core/foreign.ts'
import type { HttpRequest } from '../../src/core/http.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { chooseChallenge } from '../../src/http/auth/challenge.ts'
import { addressOf, textOf } from '../address.ts'
import { type CloudFacts, type CloudKey, keyOf, openCloud, type UnsignedRequest } from '../signed.ts'

export interface Place {
  readonly region: string
  /** Of the Enterprise Edition; undefined: it is the Personal Edition. */
  readonly instance: string | undefined
}

export interface AcrQuestion<T> {
  /** As Alibaba Cloud names it: `ListRepoTag`. */
  readonly operation: string
  readonly version: string
  readonly method: HttpRequest['method']
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly what: string
  readonly form: z.ZodType<T>
}

export interface AcrApi {
  /** False: only the registry can be used. */
  hasKey(): Promise<boolean>
  place(ctx: Context): Promise<Place>
  ask<T>(question: AcrQuestion<T>, ctx: Context): Promise<T>
}

/** Ids of keys; other user names are those of `docker login`. */
const NO_KEY = /^(?!LTAI|STS\.)/

/** Undefined for a password of `docker login` and for anonymous access. */
export function alibabaKey(found: Credential): CloudKey | undefined {
  return keyOf(found, NO_KEY)
}

export function openAcrApi(
  registry: Registry,
  api: AdapterTools['api'],
  credential: () => Promise<Credential>,
): AcrApi {
  const key = async (): Promise<CloudKey> => {
    const found = alibabaKey(await credential())
    if (found) return found
    throw new UnsupportedError(`registry ${registry.name}: Alibaba Cloud's API takes only an access key`, {
      hint: 'give an AccessKeyId with its secret as `type: access_key`',
    })
  }
  const place = once((ctx) => findPlace(registry, api, ctx))
  const cloud = once(async (ctx) => openCloud({ ...FACTS, url: apiUrl(registry, await place(ctx)) }, key, api))
  return {
    hasKey: async () => alibabaKey(await credential()) !== undefined,
    place,
    async ask({ operation, version, method, path, query = {}, body, what, form }, ctx) {
      const pairs = Object.entries(query).flatMap(([name, value]) =>
        value === undefined ? [] : [`${escaped(name)}=${escaped(String(value))}`],
      )
      const call = {
        path: pairs.length === 0 ? path : `${path}?${pairs.join('&')}`,
        headers: { 'x-acs-action': operation, 'x-acs-version': version },
        ...{ method, body, operation, what, form },
      }
      return (await (await cloud(ctx)).ask(call, ctx)).value
    },
  }
}

function apiUrl(registry: Registry, { region }: Place): string {
  const isWithin = /-vpc\./.test(new URL(registry.url ?? 'https://localhost').hostname)
  return addressOf(registry, `https://cr${isWithin ? '-vpc' : ''}.${region}.aliyuncs.com`)
}

const API = /^cr(?:-vpc)?\.([a-z0-9-]+)\.aliyuncs\.com$/

/** People take the address of the API for that of a registry. */
export function refuseApi({ name, url = 'https://localhost' }: Registry): void {
  const region = API.exec(new URL(url).hostname)?.[1]
  if (region === undefined) return
  throw new ConfigurationError(`registry ${name}: ${url} is the address of the API, not that of a registry`, {
    hint: `set \`url: https://registry.${region}.aliyuncs.com\`, or the domain of the instance as its console shows it`,
  })
}

/** Goes into the name of a host. */
const REGION = /^[a-z0-9-]{1,40}$/
const INSTANCE = /^cri-[a-z0-9-]{1,60}$/

/** As the options say, else as the registry's challenge says: it is asked without a credential. */
async function findPlace(registry: Registry, api: AdapterTools['api'], ctx: Context): Promise<Place> {
  const region = checked(registry, 'region', REGION)
  const instance = checked(registry, 'instance', INSTANCE)
  if (region !== undefined && instance !== undefined) return { region, instance }
  const { url = '' } = registry
  const http = api({ url, name: 'greeting', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
  const request = { method: 'GET', url: '/v2/', expect: [200, 401, 403, 404], whole: 65_536 } as const
  const { headers } = await http.request(request, ctx)
  const service = chooseChallenge(headers['www-authenticate'])?.parameters.service ?? ''
  const told = placeIn(service)
  if (told) return { region: region ?? told.region, instance: instance ?? told.instance }
  if (region !== undefined) return { region, instance }
  throw new ConfigurationError(
    `registry ${registry.name} does not say that it is one of Alibaba Cloud's: ${JSON.stringify(foreignName(service))}`,
    { hint: 'check `url`, or set `options: { region: … }`, and `instance` for the Enterprise Edition' },
  )
}

function checked(registry: Registry, option: string, form: RegExp): string | undefined {
  const given = textOf(registry, option)
  if (given === undefined || form.test(given)) return given
  throw new ConfigurationError(`registry ${registry.name}: \`${option}\` is malformed: ${JSON.stringify(given)}`)
}

/** `registry.aliyuncs.com:REGION:NUMBER` of the Personal Edition, `registry.aliyuncs.com:REGION:SITE:cri-…` of an instance. */
export function placeIn(service: string): Place | undefined {
  const [home = '', region = '', ...rest] = service.split(':')
  if (home.toLowerCase() !== 'registry.aliyuncs.com' || !REGION.test(region)) return undefined
  const last = rest.at(-1) ?? ''
  return { region, instance: INSTANCE.test(last) ? last : undefined }
}

const FACTS: Omit<CloudFacts, 'url'> = {
  name: 'Alibaba Cloud',
  sign: (request, key, now) => signature(request, key, { now, nonce: randomUUID() }),
  refusalIn,
  codes: {
    wrong:
      /^(InvalidAccessKeyId|SignatureDoesNotMatch|IncompleteSignature|InvalidTimeStamp|InvalidSecurityToken|SignatureNonceUsed|MissingSecurityToken|InvalidAccessKeySecret)/,
    denied: /^(Forbidden|NoPermission|NotAuthorized|UnauthorizedOperation|.*PERMISSION_DENIED|.*NO_PERMISSION)/,
    missing: /^(NAMESPACE|REPO|REPOSITORY|TAG|IMAGE|REPO_TAG)_NOT_EXISTS?$/,
    taken: /ALREADY_?EXISTS?$|^(NAMESPACE|REPO)_EXISTS?$/i,
    throttled: /^Throttling/,
  },
  // The actions of RAM spell out what those of the API abbreviate.
  permission: (operation) =>
    `allow cr:${operation.replace(/Repo(?!sitor)/, 'Repository')} to this RAM user or role, or attach AliyunContainerRegistryReadOnlyAccess to read, AliyunContainerRegistryFullAccess to write`,
  hints: [
    [
      /^USER_NOT_EXIST/,
      'sign in to the console of Container Registry once with this RAM user, so that it exists there',
    ],
    [/^(InstanceNotExist|INSTANCE_NOT_EXIST)/, 'check region and instance in `options`'],
    [/QUOTA|LIMIT/i, 'raise the quota of the edition, or delete what is not needed'],
  ],
}

/** In the words of either edition, with any status: `IsSuccess: false` comes with 200. */
function refusalIn(body: unknown): ReturnType<CloudFacts['refusalIn']> {
  if (typeof body !== 'object' || body === null) return undefined
  const told: Readonly<Record<string, unknown>> = { ...body }
  const { IsSuccess, Code, Message, code, message, data } = told
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  if (IsSuccess === false || (IsSuccess === undefined && text(Code) !== '' && text(Code).toLowerCase() !== 'success')) {
    return { code: text(Code), message: text(Message) }
  }
  return text(code) !== '' && data === undefined ? { code: text(code), message: text(message) } : undefined
}

const ALGORITHM = 'ACS3-HMAC-SHA256'

/** The headers that sign a request, which is sent within a quarter of an hour. */
export function signature(
  { method, url, headers, body }: UnsignedRequest,
  { id, secret, session }: CloudKey,
  { now, nonce }: { readonly now: Date; readonly nonce: string },
): Readonly<Record<string, string>> {
  const hash = sha256(body)
  const added = {
    'x-acs-date': `${now.toISOString().slice(0, 19)}Z`,
    'x-acs-signature-nonce': nonce,
    'x-acs-content-sha256': hash,
    ...(session === undefined ? {} : { 'x-acs-accesskey-id': id, 'x-acs-security-token': session }),
  }
  const all: Readonly<Record<string, string>> = { host: url.host, ...headers, ...added }
  const names = Object.keys(all)
    .filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-acs-'))
    .sort()
  const query = [...url.searchParams].map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort()
  const canonical = [
    method,
    url.pathname,
    query.join('&'),
    ...names.map((name) => `${name}:${all[name]?.trim()}`),
    '',
    names.join(';'),
    hash,
  ].join('\n')
  const proof = createHmac('sha256', secret)
    .update(`${ALGORITHM}\n${sha256(canonical)}`)
    .digest('hex')
  return {
    ...added,
    authorization: `${ALGORITHM} Credential=${id},SignedHeaders=${names.join(';')},Signature=${proof}`,
  }
}

/** All but letters, digits and `-_.~`. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
