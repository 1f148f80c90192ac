/** The API of Tencent Container Registry, signed with an access key: instances, tokens, namespaces, repositories and images.
 *
 *  https://www.tencentcloud.com/document/product/1051/41102 */

import { createHash, createHmac } from 'node:crypto'
import { z } from 'zod'
import type { AdapterTools, CreateOptions } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError, isNotFound, UnsupportedError } from '../../src/core/errors.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { addressOf, textOf } from '../address.ts'
import { countedItems } from '../counted.ts'
import { ensured } from '../ensured.ts'
import { type Cloud, type CloudFacts, type CloudKey, keyOf, openCloud, type UnsignedRequest } from '../signed.ts'

export interface Tcr {
  /** False: only the registry can be used. */
  hasKey(): Promise<boolean>
  /** User and password of the registry, and in milliseconds since 1970 how long they are good. */
  token(ctx: Context): Promise<{ readonly username: string; readonly password: string; readonly expires: number }>
  namespaces(ctx: Context): Promise<readonly string[]>
  ensureNamespace(name: string, options: CreateOptions, ctx: Context): Promise<void>
  /** Of one namespace, or of all. */
  repositories(namespace: string | undefined, ctx: Context): AsyncIterable<string>
  images(repository: string, ctx: Context): AsyncIterable<Image>
  /** What is gone is deleted already. */
  deleteTag(repository: string, tag: string, ctx: Context): Promise<void>
}

/** Ids of keys; other user names are those of `docker login`. */
const NO_KEY = /^(?!AKID|IKID)/

/** Undefined for a password of `docker login` and for anonymous access. */
export function tencentKey(found: Credential): CloudKey | undefined {
  return keyOf(found, NO_KEY)
}

interface Instance {
  readonly id: string
  readonly region: string
}

interface Question<T> {
  readonly action: string
  readonly body: Readonly<Record<string, unknown>>
  readonly what: string
  readonly form: z.ZodType<T>
}

const VERSION = '2019-09-24'
/** For what is asked of all regions: the API wants one all the same. */
const ANY_REGION = 'ap-guangzhou'
/** The API gives no more at once. */
const PAGE_SIZE = 100

const TOKEN = z.looseObject({
  Username: z.string().min(1),
  Token: z.string().min(1),
  /** Milliseconds since 1970. */
  ExpTime: z.number().nullish(),
})
/** Milliseconds, for a token that does not say when it ends. It lives for an hour. */
const LIFE = 50 * 60_000

const NAMESPACES = z.looseObject({ NamespaceList: z.array(z.looseObject({ Name: z.string() })).nullish() })
const REPOSITORY = z.looseObject({ Name: z.string(), Namespace: z.string().nullish() })
const REPOSITORIES = z.looseObject({
  RepositoryList: z.array(REPOSITORY).nullish(),
  TotalCount: z.number().nullish(),
})
const IMAGE = z.looseObject({
  ImageVersion: z.string(),
  Digest: z.string().nullish(),
  UpdateTime: z.string().nullish(),
})
export type Image = z.output<typeof IMAGE>
const IMAGES = z.looseObject({ ImageInfoList: z.array(IMAGE).nullish(), TotalCount: z.number().nullish() })

export function openTcr(registry: Registry, api: AdapterTools['api'], credential: () => Promise<Credential>): Tcr {
  const key = async (): Promise<CloudKey> => {
    const found = tencentKey(await credential())
    if (found) return found
    throw new UnsupportedError(`registry ${registry.name}: Tencent Cloud's API takes only an access key`, {
      hint: 'give a SecretId with its SecretKey as `type: access_key`',
    })
  }
  let cloud: Cloud | undefined

  async function ask<T>({ action, body, what, form }: Question<T>, region: string, ctx: Context): Promise<T> {
    const headers = { 'x-tc-action': action, 'x-tc-version': VERSION, 'x-tc-region': region }
    const call = { method: 'POST', path: '/', headers, body, operation: action, what } as const
    cloud ??= openCloud({ ...FACTS, url: addressOf(registry, 'https://tcr.tencentcloudapi.com') }, key, api)
    const { value } = await cloud.ask({ ...call, form: z.looseObject({ Response: form }) }, ctx)
    return value.Response
  }

  const instance = once(async (ctx): Promise<Instance> => {
    const region = textOf(registry, 'region')
    const id = textOf(registry, 'instance')
    if (id !== undefined && region !== undefined) return { id, region }
    const wanted = wantedInstance(registry)
    const question = {
      action: 'DescribeInstances',
      body: { AllRegion: true, Limit: PAGE_SIZE, ...wanted.query },
      what: `find the instance ${wanted.name}`,
      form: INSTANCES,
    }
    const { Registries } = await ask(question, region ?? ANY_REGION, ctx)
    const found = Registries?.find(wanted.matches)
    if (found) return { id: found.RegistryId, region: region ?? found.RegionName }
    throw new CredentialError(`the account of the access key has no instance ${wanted.name}`, {
      hint: 'use a key of the account that owns the instance, or set `options.instance`; keys of the international site may need `options: { api_url: "https://tcr.intl.tencentcloudapi.com" }`',
    })
  })

  async function of<T>(question: Question<T>, ctx: Context): Promise<T> {
    const { id, region } = await instance(ctx)
    return ask({ ...question, body: { RegistryId: id, ...question.body } }, region, ctx)
  }

  /** `name`: also others in which it occurs. */
  async function namespaces(name: string | undefined, ctx: Context): Promise<readonly string[]> {
    const body = { All: true, ...(name === undefined ? {} : { NamespaceName: name }) }
    const what = name === undefined ? 'list the namespaces' : `look for the namespace ${name}`
    const { NamespaceList } = await of({ action: 'DescribeNamespaces', body, what, form: NAMESPACES }, ctx)
    return (NamespaceList ?? []).map(({ Name }) => Name)
  }

  return {
    hasKey: async () => tencentKey(await credential()) !== undefined,
    async token(ctx) {
      const body = { TokenType: 'temp' }
      const question = { action: 'CreateInstanceToken', body, what: 'sign in to the registry', form: TOKEN }
      const { Username: username, Token: password, ExpTime } = await of(question, ctx)
      return { username, password, expires: ExpTime ?? Date.now() + LIFE }
    },
    namespaces: (ctx) => namespaces(undefined, ctx),
    async ensureNamespace(name, { public: isPublic }, ctx) {
      const question = {
        action: 'CreateNamespace',
        body: { NamespaceName: name, IsPublic: isPublic },
        what: `create the namespace ${name}`,
        form: z.unknown(),
      }
      // The search finds more than the name.
      const exists = async (): Promise<boolean> => (await namespaces(name, ctx)).includes(name)
      await ensured(exists, () => of(question, ctx), ctx)
    },
    async *repositories(namespace, ctx) {
      const where = namespace === undefined ? {} : { NamespaceName: namespace }
      const what = namespace === undefined ? 'repositories' : `repositories of ${namespace}`
      const list = { size: PAGE_SIZE, key: nameOf, what, path: '/' }
      const read = async (page: number) => {
        // A page's number, although it is called an offset.
        const body = { ...where, Offset: page, Limit: PAGE_SIZE }
        const question = { action: 'DescribeRepositories', body, what: `list the ${what}`, form: REPOSITORIES }
        const { RepositoryList, TotalCount } = await of(question, ctx)
        return { items: RepositoryList ?? [], total: TotalCount ?? undefined }
      }
      for await (const repository of countedItems({ ...list, read })) yield nameOf(repository)
    },
    images(repository, ctx) {
      const what = `tags of ${repository}`
      const read = async (page: number) => {
        const body = { ...placeOf(repository), Offset: page, Limit: PAGE_SIZE }
        const question = { action: 'DescribeImages', body, what: `list the ${what}`, form: IMAGES }
        const { ImageInfoList, TotalCount } = await of(question, ctx)
        return { items: ImageInfoList ?? [], total: TotalCount ?? undefined }
      }
      return countedItems({ size: PAGE_SIZE, key: ({ ImageVersion }) => ImageVersion, what, path: '/', read })
    },
    async deleteTag(repository, tag, ctx) {
      const body = { ...placeOf(repository), ImageVersion: tag }
      const what = `delete ${repository}:${tag}`
      try {
        await of({ action: 'DeleteImage', body, what, form: z.unknown() }, ctx)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
  }
}

const INSTANCE = z.looseObject({
  RegistryId: z.string(),
  RegistryName: z.string(),
  PublicDomain: z.string().nullish(),
  RegionName: z.string(),
})
const INSTANCES = z.looseObject({ Registries: z.array(INSTANCE).nullish() })

interface WantedInstance {
  /** For messages. */
  readonly name: string
  readonly query: Readonly<Record<string, unknown>>
  matches(instance: z.output<typeof INSTANCE>): boolean
}

const DOMAIN = '.tencentcloudcr.com'

/** By the option, else by the host. The host within a network of the customer's ends in `-vpc` before the domain. */
function wantedInstance(registry: Registry): WantedInstance {
  const id = textOf(registry, 'instance')
  if (id !== undefined) {
    return { name: id, query: { Registryids: [id] }, matches: ({ RegistryId }) => RegistryId === id }
  }
  const { hostname } = new URL(registry.url ?? 'https://localhost')
  if (!hostname.endsWith(DOMAIN)) {
    throw new ConfigurationError(`registry ${registry.name}: the host of \`url\` does not say which instance it is`, {
      hint: 'set `options: { instance: tcr-… }`, as the console shows it',
    })
  }
  const given = hostname.slice(0, -DOMAIN.length)
  const names = [given, given.replace(/-vpc$/, '')].filter((name, at, all) => all.indexOf(name) === at)
  return {
    name: given,
    // The filter finds more than the names.
    query: { Filters: [{ Name: 'RegistryName', Values: names }] },
    matches: ({ RegistryName, PublicDomain }) =>
      names.some((name) => (PublicDomain ?? `${RegistryName}${DOMAIN}`) === `${name}${DOMAIN}`),
  }
}

function nameOf({ Name, Namespace }: z.output<typeof REPOSITORY>): string {
  return Namespace && !Name.startsWith(`${Namespace}/`) ? `${Namespace}/${Name}` : Name
}

function placeOf(repository: string): { readonly NamespaceName: string; readonly RepositoryName: string } {
  const [namespace = '', ...rest] = repository.split('/')
  return { NamespaceName: namespace, RepositoryName: rest.join('/') }
}

const REFUSAL = z.looseObject({
  Response: z.looseObject({ Error: z.looseObject({ Code: z.string(), Message: z.string().nullish() }) }),
})

const FACTS: Omit<CloudFacts, 'url'> = {
  name: 'Tencent Cloud',
  sign: signature,
  refusalIn(body) {
    const { Code: code, Message } = REFUSAL.safeParse(body).data?.Response.Error ?? {}
    return code === undefined ? undefined : { code, message: Message ?? '' }
  },
  codes: {
    wrong: /^AuthFailure(\.(?!Unauthorized)|$)/,
    denied: /^(AuthFailure\.)?Unauthorized|\.ErrorTcrUnauthorized$/,
    missing: /^ResourceNotFound/,
    taken: /^ResourceInUse|NameExists?$/,
    throttled: /^RequestLimitExceeded/,
  },
  permission: (operation) => `allow tcr:${operation} to this user or role in Cloud Access Management`,
  hints: [[/^(LimitExceeded|ResourceInsufficient)/, 'raise the quota of the instance, or delete what is not needed']],
}

const ALGORITHM = 'TC3-HMAC-SHA256'
const SERVICE = 'tcr'
const SIGNED = 'content-type;host'

/** The headers that sign a request, which is sent within five minutes.
 *
 *  https://www.tencentcloud.com/document/product/1051/41106 */
export function signature(
  { url, headers, body }: UnsignedRequest,
  { id, secret, session }: CloudKey,
  now: Date,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const date = now.toISOString().slice(0, 10)
  const scope = `${date}/${SERVICE}/tc3_request`
  const canonical = [
    'POST',
    '/',
    '',
    `content-type:${headers['content-type']}`,
    `host:${url.hostname}`,
    '',
    SIGNED,
    sha256(body),
  ].join('\n')
  const text = [ALGORITHM, timestamp, scope, sha256(canonical)].join('\n')
  const derived = [date, SERVICE, 'tc3_request'].reduce<string | Buffer>(hmac, `TC3${secret}`)
  return {
    'x-tc-timestamp': timestamp,
    ...(session === undefined ? {} : { 'x-tc-token': session }),
    authorization: `${ALGORITHM} Credential=${id}/${scope}, SignedHeaders=${SIGNED}, Signature=${hmac(derived, text).toString('hex')}`,
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
