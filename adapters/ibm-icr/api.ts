/** The API of IBM Cloud Container Registry: namespaces, and images by digest. It takes tokens of IAM, which are got with the API key.
 *
 *  https://cloud.ibm.com/apidocs/container-registry
 *  https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError } from '../../src/core/errors.ts'
import type { HttpClient, HttpRequest } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { doing } from '../../src/oci/registry/restate.ts'
import { asToken } from '../access-token.ts'
import { addressOf, textOf } from '../address.ts'
import { ensured } from '../ensured.ts'

/** The user name whose password is an API key. */
export const KEY_USER = 'iamapikey'

export interface Image {
  readonly digest: string
  /** `NAMESPACE/NAME`, and the tags that point at it there. */
  readonly tags: readonly (readonly [repository: string, tags: readonly string[]])[]
}

export interface Icr {
  /** False: there is no API key, and this API cannot be asked. */
  hasKey(): Promise<boolean>
  /** Of one repository, or of all that the account has in the region. */
  images(repository: string | undefined, ctx: Context): Promise<readonly Image[]>
  namespaces(ctx: Context): Promise<readonly string[]>
  ensureNamespace(name: string, ctx: Context): Promise<void>
}

const IAM = 'https://iam.cloud.ibm.com'
const LIMIT = 1024 * 1024
const TOKEN = z.looseObject({ access_token: z.string().min(1), expires_in: z.number().nullish() })
const CLAIMS = z.looseObject({ account: z.looseObject({ bss: z.string().min(1) }) })
/** Seconds that a token lives that does not say so. */
const LIFE = 1200
const IMAGES = z.array(
  z.looseObject({
    id: z.string(),
    repoTags: z.record(z.string(), z.record(z.string(), z.unknown()).nullish()).nullish(),
  }),
)

export function openIcr(registry: Registry, tools: AdapterTools): Icr {
  const key = async (): Promise<SentCredential> => asToken(await tools.credential(), KEY_USER)
  /** Whose images are asked for: the account of the last token. */
  let account: string | undefined

  async function token(): Promise<SentCredential> {
    const found = await key()
    if (found.kind !== 'bearer') return found
    const http = tools.api({
      url: iamOf(registry),
      name: 'iam',
      credential: async () => ({ kind: 'anonymous', origin: 'none' }),
    })
    const form = new URLSearchParams({ grant_type: 'urn:ibm:params:oauth:grant-type:apikey', apikey: found.token })
    const request: HttpRequest = {
      ...{ method: 'POST', url: '/identity/token', whole: LIMIT, expect: [200, 400, 401, 403] },
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: Buffer.from(form.toString()),
    }
    const response = await http.request(request, { signal: new AbortController().signal, emit() {} })
    const answer = TOKEN.safeParse(await response.json(LIMIT))
    if (response.status !== 200 || !answer.success) {
      throw new CredentialError(
        `IAM of IBM Cloud gave no token for the API key from ${found.origin} (${response.status})`,
        {
          hint: 'the key may be deleted or locked: ibmcloud iam api-keys, or service-api-keys',
        },
      )
    }
    const { access_token, expires_in } = answer.data
    const claims = CLAIMS.safeParse(claimsOf(access_token))
    account = textOf(registry, 'account') ?? (claims.success ? claims.data.account.bss : undefined)
    return {
      kind: 'bearer',
      token: access_token,
      origin: found.origin,
      expires: Date.now() + (expires_in ?? LIFE) * 1000,
    }
  }

  const http = (): HttpClient =>
    tools.api({ url: addressOf(registry, new URL(registry.url ?? '').origin), name: 'api', credential: signed })

  /** A token that was got to know the account, and that no request has had. */
  let unused: Promise<SentCredential> | undefined
  function signed(): Promise<SentCredential> {
    const mine = unused ?? token()
    unused = undefined
    return mine
  }

  /** With the header that every request needs beside its token. */
  async function headers(): Promise<Readonly<Record<string, string>>> {
    if (account === undefined) {
      unused ??= token()
      const mine = unused
      await mine.catch((error) => {
        if (unused === mine) unused = undefined
        throw error
      })
    }
    if (account !== undefined) return { account }
    throw new CredentialError("the token of IAM does not name the key's account", {
      hint: 'set `options: { account: … }`: ibmcloud account show',
    })
  }

  const host = new URL(registry.url ?? '').host
  /** The API may name a repository with the registry before it. */
  const plain = (name: string): string => (name.startsWith(`${host}/`) ? name.slice(host.length + 1) : name)

  async function namespaces(ctx: Context): Promise<readonly string[]> {
    const request = { url: '/api/v1/namespaces', headers: await headers() }
    return (await askJson(http(), request, z.array(z.string()), 'namespaces', ctx)).value
  }

  return {
    hasKey: async () => (await key()).kind === 'bearer',
    async images(repository, ctx) {
      const asked = repository === undefined ? [] : [`${host}/${repository}`, repository]
      const body = { exclude_tagged: false, exclude_va: true, include_ibm: false, repositories: asked }
      const request = {
        method: 'POST',
        url: '/api/v1/images/digests',
        body: Buffer.from(JSON.stringify(body)),
        headers: { ...(await headers()), 'content-type': 'application/json' },
      } as const
      const what = repository === undefined ? 'images' : `images of ${repository}`
      return (await askJson(http(), request, IMAGES, what, ctx)).value.map(({ id, repoTags }) => ({
        digest: id,
        tags: Object.entries(repoTags ?? {}).map(([name, tags]) => [plain(name), Object.keys(tags ?? {})] as const),
      }))
    },
    namespaces,
    async ensureNamespace(name, ctx) {
      const create = async (asked: Context): Promise<void> => {
        const request = {
          method: 'PUT',
          url: `/api/v1/namespaces/${encodeURIComponent(name)}`,
          headers: await headers(),
        } as const
        const response = await doing(
          `create the namespace ${name}`,
          http().request({ ...request, whole: LIMIT }, asked),
        )
        await response.discard()
      }
      await ensured(async (asked) => (await namespaces(asked)).includes(name), create, ctx)
    },
  }
}

function iamOf(registry: Registry): string {
  const given = textOf(registry, 'iam_url') ?? IAM
  if (URL.canParse(given) && /^https?:/.test(given)) return new URL(given).origin
  throw new ConfigurationError(`registry ${registry.name}: \`iam_url\` is not a URL: ${JSON.stringify(given)}`)
}
