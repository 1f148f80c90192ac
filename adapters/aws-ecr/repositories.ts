/** The repositories of a registry: listed, created with the settings given, and what they refuse. */

import { z } from 'zod'
import type { Adapter, Wanted, WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound } from '../../src/core/errors.ts'
import { compilePattern } from '../../src/core/pattern.ts'
import type { OptionValue } from '../../src/core/registry.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'
import { created, tagsOf } from './create.ts'
import type { Ecr } from './ecr.ts'
import { isDenied, PAGE_SIZE } from './images.ts'

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

/** By the API; where it may not be asked, by the catalogue. */
export async function* listRepositories(
  ecr: Ecr,
  registry: Adapter,
  wanted: Wanted,
  ctx: Context,
): AsyncIterable<string> {
  if (!(await ecr.isSigned())) return yield* registry.repositories?.(wanted, ctx) ?? []
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
export async function exists(ecr: Ecr, name: string, ctx: Context): Promise<boolean> {
  try {
    if (await ecr.isSigned()) await describe(ecr, { repositoryNames: [name] }, ctx)
    return true
  } catch (error) {
    return !isNotFound(error)
  }
}

/** Nobody else creates one. */
export async function ensureRepository(
  ecr: Ecr,
  repositoryName: string,
  options: Readonly<Record<string, OptionValue>>,
  ctx: Context,
): Promise<void> {
  if (!(await ecr.isSigned())) return
  const settings = settingsOf(options)
  const call = {
    operation: 'CreateRepository',
    what: `create the repository ${repositoryName}`,
    form: z.unknown(),
    send: (client, sent) => client.createRepository({ ...ecr.owner, repositoryName, ...settings }, sent),
  } satisfies Parameters<Ecr['ask']>[0]
  await created(ecr.ask(call, ctx), ctx)
}

function settingsOf(options: Readonly<Record<string, OptionValue>>) {
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
export async function writeRules(ecr: Ecr, name: string, ctx: Context): Promise<WriteRules> {
  if (!(await ecr.isSigned())) return {}
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
