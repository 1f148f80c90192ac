/** The account's own public repositories: listed and created; others can only be named. */

import { z } from 'zod'
import type { Wanted, WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, UnsupportedError } from '../../src/core/errors.ts'
import type { OptionValue } from '../../src/core/registry.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { created, tagsOf } from '../aws-ecr/create.ts'
import { PAGE_SIZE } from '../aws-ecr/images.ts'
import { type EcrPublic, partsOf } from './api.ts'

const REPOSITORIES = z.looseObject({
  repositories: z.array(z.looseObject({ repositoryName: z.string() })).nullish(),
  nextToken: z.string().nullish(),
})

/** Under the alias that the patterns name, or under each: one repository has a name for every alias. */
export async function* listRepositories(ecr: EcrPublic, wanted: Wanted, ctx: Context): AsyncIterable<string> {
  const own = await ecr.aliases(ctx)
  const tops = topsOf(wanted) ?? own
  const others = tops.filter((alias) => !own.includes(alias))
  if (tops.length === 0 || others.length > 0) {
    const whose = others.length > 0 ? `those of ${others.join(', ')}` : 'those of everybody'
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
export async function exists(ecr: EcrPublic, name: string, ctx: Context): Promise<boolean> {
  const [alias, repositoryName] = partsOf(name)
  try {
    if ((await ecr.aliases(ctx)).includes(alias)) await describe(ecr, { repositoryNames: [repositoryName] }, ctx)
    return true
  } catch (error) {
    return !isNotFound(error)
  }
}

/** Below somebody else's alias nothing can be created; what is pushed there tells. */
export async function ensureRepository(
  ecr: EcrPublic,
  name: string,
  settings: Readonly<Record<string, OptionValue>>,
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
export async function writeRules(ecr: EcrPublic, name: string, ctx: Context): Promise<WriteRules> {
  const [alias] = partsOf(name)
  const own = await ecr.aliases(ctx)
  if (own.length === 0 || own.includes(alias)) return {}
  const reason = `${alias} is no alias of this account at Amazon ECR Public`
  return { refused: { reason, hint: `set destination.namespace to ${own.join(' or ')}` } }
}
