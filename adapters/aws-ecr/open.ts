/** Opens Amazon ECR: content from the registry of an account, repositories through its API. */

import { z } from 'zod'
import type { Adapter, AdapterTools, SignInTools, Wanted, WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError, isNotFound } from '../../src/core/errors.ts'
import { compilePattern } from '../../src/core/pattern.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { remembered } from '../../src/core/remembered.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { type Ecr, imagesOf, openEcr, parseHost } from './api.ts'
import { isAnonymous } from './aws.ts'
import {
  created,
  ecrRepository,
  isDenied,
  listImages,
  PAGE_SIZE,
  passwordOf,
  ready,
  SMALLEST_CHUNK,
  TOKEN,
  tagsOf,
} from './repository.ts'

type Options = NonNullable<Registry['options']>

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // What a session says of how far it is is wrong: https://github.com/aws/containers-roadmap/issues/2831
    upload: { strategy: 'put', status: 'none', smallest: SMALLEST_CHUNK },
    pageSize: PAGE_SIZE,
  })
  const ecr = openEcr(registry, tools.api, tools.credential)
  return {
    ...adapter,
    repository: (name) =>
      ecrRepository(adapter.repository(name), {
        name,
        service: 'ecr',
        images: imagesOf(ecr, name),
        exists: (ctx) => exists(ecr, name, ctx),
      }),
    repositories: (wanted, ctx) => listRepositories(ecr, adapter, wanted, ctx),
    ensureRepository: (name, _options, ctx) => ensureRepository(ecr, name, registry.options ?? {}, ctx),
    listTags: (name, ctx, { untagged } = { untagged: true }) =>
      listImages(name, imagesOf(ecr, name), adapter.repository(name), untagged, ctx),
    writeRules: remembered((name: string, ctx) => writeRules(ecr, name, ctx)),
  }
}

const TOKENS = z.looseObject({ authorizationData: z.tuple([TOKEN], z.unknown()) })

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  refuseApi(registry)
  if (found.kind === 'anonymous' && isAnonymous(found, registry)) return found
  const sent = ready(found, registry.name)
  if (sent) return sent
  const answer = await openEcr(registry, api, async () => found).ask(
    {
      operation: 'GetAuthorizationToken',
      what: 'sign in to ECR',
      form: TOKENS,
      send: (client, options) => client.getAuthorizationToken({}, options),
    },
    ctx,
  )
  return passwordOf(answer.authorizationData[0], found)
}

/** Harbor takes the address of the API for that of the registry. */
function refuseApi({ name, url = '' }: Registry): void {
  const host = parseHost(new URL(url).hostname)
  if (!host || host.account !== undefined) return
  throw new ConfigurationError(`registry ${name}: ${url} is the address of ECR's API, not that of a registry`, {
    hint: `set \`url: https://ACCOUNT.dkr.ecr.${host.region}.amazonaws.com\` with the number of the account`,
  })
}

const REPOSITORY = z.looseObject({
  repositoryName: z.string(),
  imageTagMutability: z.string().nullish(),
  imageTagMutabilityExclusionFilters: z.array(z.looseObject({ filter: z.string() })).nullish(),
})
const REPOSITORIES = z.looseObject({
  repositories: z.array(REPOSITORY).nullish(),
  nextToken: z.string().nullish(),
})

const IMMUTABLE = 'IMMUTABLE' as const
const MUTABLE = 'MUTABLE' as const

/** By the API; without keys by the catalogue. */
async function* listRepositories(ecr: Ecr, registry: Adapter, wanted: Wanted, ctx: Context): AsyncIterable<string> {
  if (!(await ecr.isSigned(ctx))) return yield* registry.repositories?.(wanted, ctx) ?? []
  const read = async (token: string) => {
    const page = await describe(ecr, { maxResults: PAGE_SIZE, nextToken: token === '' ? undefined : token }, ctx)
    return { items: page.repositories ?? [], next: page.nextToken ?? undefined }
  }
  for await (const { repositoryName } of itemsOf('', read, 'repositories')) yield repositoryName
}

interface Which {
  readonly repositoryNames?: string[]
  readonly maxResults?: number
  readonly nextToken?: string | undefined
}

function describe(ecr: Ecr, which: Which, ctx: Context): Promise<z.output<typeof REPOSITORIES>> {
  const [name] = which.repositoryNames ?? []
  const call = {
    operation: 'DescribeRepositories',
    what: name === undefined ? 'list the repositories' : `look at the repository ${name}`,
    form: REPOSITORIES,
    send: (client, options) => client.describeRepositories({ ...ecr.owner, ...which }, options),
  } satisfies Parameters<Ecr['ask']>[0]
  return ecr.ask<z.output<typeof REPOSITORIES>>(call, ctx)
}

/** False only where the API says so. */
async function exists(ecr: Ecr, name: string, ctx: Context): Promise<boolean> {
  try {
    if (await ecr.isSigned(ctx)) await describe(ecr, { repositoryNames: [name] }, ctx)
    return true
  } catch (error) {
    return !isNotFound(error)
  }
}

/** A push does not create one. */
async function ensureRepository(ecr: Ecr, repositoryName: string, options: Options, ctx: Context): Promise<void> {
  if (!(await ecr.isSigned(ctx))) return
  const settings = settingsOf(options)
  const call = {
    operation: 'CreateRepository',
    what: `create the repository ${repositoryName}`,
    form: z.unknown(),
    send: (client, sent) => client.createRepository({ ...ecr.owner, repositoryName, ...settings }, sent),
  } satisfies Parameters<Ecr['ask']>[0]
  await created(ecr.ask(call, ctx), ctx)
}

function settingsOf(options: Options) {
  const { scan_on_push, immutable, kms_key } = options
  const kms = typeof kms_key === 'string' ? { encryptionType: 'KMS' as const, kmsKey: kms_key } : undefined
  return {
    ...(scan_on_push === undefined ? {} : { imageScanningConfiguration: { scanOnPush: scan_on_push === true } }),
    ...(immutable === undefined ? {} : { imageTagMutability: immutable === true ? IMMUTABLE : MUTABLE }),
    ...(kms ? { encryptionConfiguration: kms } : {}),
    tags: tagsOf(options),
  }
}

/** Which of its tags may not be moved. Nothing where it is not there, or may not be asked for. */
async function writeRules(ecr: Ecr, name: string, ctx: Context): Promise<WriteRules> {
  if (!(await ecr.isSigned(ctx))) return {}
  try {
    const [found] = (await describe(ecr, { repositoryNames: [name] }, ctx)).repositories ?? []
    return found ? rulesOf(found) : {}
  } catch (error) {
    // Which credential is wrong has been told by the check.
    if (isNotFound(error) || isDenied(error) || error instanceof CredentialError) return {}
    throw error
  }
}

function rulesOf({
  repositoryName,
  imageTagMutability,
  imageTagMutabilityExclusionFilters,
}: z.output<typeof REPOSITORY>): WriteRules {
  const excluded = (imageTagMutabilityExclusionFilters ?? []).map(({ filter }) => compilePattern(filter))
  // `IMMUTABLE_WITH_EXCLUSION` and `MUTABLE_WITH_EXCLUSION`: what the filters match is the other of the two.
  const isImmutable = imageTagMutability?.startsWith(IMMUTABLE) ?? false
  if (!isImmutable && excluded.length === 0) return {}
  return {
    immutable: (tag) =>
      excluded.some((pattern) => pattern.matches(tag)) === isImmutable
        ? undefined
        : `tag ${tag} is immutable in the repository ${repositoryName}`,
  }
}
