/** Opens Amazon ECR Public: content from the registry, and the account's own repositories through its API; others can only be named. */

import { z } from 'zod'
import type { Adapter, AdapterTools, SignInTools, Wanted, WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, UnsupportedError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import {
  created,
  ecrRepository,
  listImages,
  PAGE_SIZE,
  passwordOf,
  ready,
  SMALLEST_CHUNK,
  TOKEN,
  tagsOf,
} from '../aws-ecr/repository.ts'
import { type EcrPublic, imagesOf, openEcrPublic, partsOf } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    upload: { strategy: 'put', status: 'none', smallest: SMALLEST_CHUNK },
  })
  const ecr = openEcrPublic(registry, tools.api, tools.credential)
  return {
    ...adapter,
    repository: (name) =>
      ecrRepository(adapter.repository(name), {
        name,
        service: 'ecr-public',
        images: imagesOf(ecr, name),
        exists: (ctx) => exists(ecr, name, ctx),
      }),
    repositories: (wanted, ctx) => listRepositories(ecr, wanted, ctx),
    ensureRepository: (name, _options, ctx) => ensureRepository(ecr, name, registry.options ?? {}, ctx),
    listTags: (name, ctx, { untagged } = { untagged: true }) =>
      listImages(name, imagesOf(ecr, name), adapter.repository(name), untagged, ctx),
    writeRules: (name, ctx) => writeRules(ecr, name, ctx),
  }
}

const TOKENS = z.looseObject({ authorizationData: TOKEN })

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  // Anonymous access may read everything: AWS's own places are asked only where the configuration says so.
  if (found.kind === 'anonymous') return found
  const sent = ready(found, registry.name)
  if (sent) return sent
  const answer = await openEcrPublic(registry, api, async () => found).ask(
    {
      operation: 'GetAuthorizationToken',
      what: 'sign in to ECR Public',
      form: TOKENS,
      send: (client, options) => client.getAuthorizationToken({}, options),
    },
    ctx,
  )
  return passwordOf(answer.authorizationData, found)
}

const REPOSITORIES = z.looseObject({
  repositories: z.array(z.looseObject({ repositoryName: z.string() })).nullish(),
  nextToken: z.string().nullish(),
})

/** Under the alias that the patterns name, or under each: one repository has a name for every alias. */
async function* listRepositories(ecr: EcrPublic, wanted: Wanted, ctx: Context): AsyncIterable<string> {
  const own = await ecr.aliases(ctx)
  const tops = topsOf(wanted) ?? own
  const others = tops.filter((alias) => !own.includes(alias))
  if (tops.length === 0 || others.length > 0) {
    const whose = others.length > 0 ? `those of ${others.join(', ')}` : 'all there are'
    throw new UnsupportedError(`Amazon ECR Public lists the repositories of the account itself, and not ${whose}`, {
      hint: "give repository names in the policy's name filter, or a credential of the account",
    })
  }
  const read = async (token: string) => {
    const page = await describe(ecr, { maxResults: PAGE_SIZE, nextToken: token === '' ? undefined : token }, ctx)
    return { items: page.repositories ?? [], next: page.nextToken ?? undefined }
  }
  for await (const { repositoryName } of itemsOf('', read, 'repositories')) {
    for (const alias of tops) yield `${alias}/${repositoryName}`
  }
}

interface Which {
  readonly repositoryNames?: string[]
  readonly maxResults?: number
  readonly nextToken?: string | undefined
}

function describe(ecr: EcrPublic, which: Which, ctx: Context): Promise<z.output<typeof REPOSITORIES>> {
  return ecr.ask(
    {
      operation: 'DescribeRepositories',
      what: 'list the repositories',
      form: REPOSITORIES,
      send: (client, options) => client.describeRepositories({ ...which }, options),
    },
    ctx,
  )
}

/** False only where the API says so. */
async function exists(ecr: EcrPublic, name: string, ctx: Context): Promise<boolean> {
  const [alias, repositoryName] = partsOf(name)
  try {
    if ((await ecr.aliases(ctx)).includes(alias)) await describe(ecr, { repositoryNames: [repositoryName] }, ctx)
    return true
  } catch (error) {
    return !isNotFound(error)
  }
}

/** Below another account's alias nothing can be created: the push tells. */
async function ensureRepository(
  ecr: EcrPublic,
  name: string,
  settings: NonNullable<Registry['options']>,
  ctx: Context,
): Promise<void> {
  const [alias, repositoryName] = partsOf(name)
  if (!(await ecr.aliases(ctx)).includes(alias)) return
  const call = {
    operation: 'CreateRepository',
    what: `create the repository ${name}`,
    form: z.unknown(),
    send: (client, options) => client.createRepository({ repositoryName, tags: tagsOf(settings) }, options),
  } satisfies Parameters<EcrPublic['ask']>[0]
  await created(ecr.ask(call, ctx), ctx)
}

/** Only under one's own alias anything can be pushed. */
async function writeRules(ecr: EcrPublic, name: string, ctx: Context): Promise<WriteRules> {
  const [alias] = partsOf(name)
  const own = await ecr.aliases(ctx)
  if (own.length === 0 || own.includes(alias)) return {}
  const reason = `${alias} is not an alias of this account at Amazon ECR Public`
  return { refused: { reason, hint: `set destination.namespace to ${own.join(' or ')}` } }
}
