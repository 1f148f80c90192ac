/** The API of the public ECR, which answers in one region for all the world.
 *
 *  https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/ */

import type { ECRPUBLIC } from '@aws-sdk/client-ecr-public'
import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { itemsOf } from '../../src/oci/registry/pages.ts'
import { type Aws, clientConfig, isPassword, openAws } from '../aws-ecr/aws.ts'
import { DELETED, IMAGES, type Images, isDenied, PAGE_SIZE } from '../aws-ecr/repository.ts'

export interface EcrPublic extends Pick<Aws<ECRPUBLIC>, 'ask'> {
  /** The first path parts of the account's own repositories; none for anonymous access. */
  aliases(ctx: Context): Promise<readonly string[]>
}

/** Where tokens are given out and repositories managed. */
const REGION = 'us-east-1'

const REGISTRIES = z.looseObject({
  registries: z.array(z.looseObject({ aliases: z.array(z.looseObject({ name: z.string() })).nullish() })).nullish(),
  nextToken: z.string().nullish(),
})

export function openEcrPublic(
  registry: Registry,
  api: AdapterTools['api'],
  credential: () => Promise<Credential>,
): EcrPublic {
  const aws = openAws('ecr-public', registry, credential, async (found) => {
    const { ECRPUBLIC } = await import('@aws-sdk/client-ecr-public')
    return new ECRPUBLIC({ ...clientConfig(found, registry, api), region: REGION })
  })

  async function ownAliases(ctx: Context): Promise<readonly string[]> {
    const found = await credential()
    if (found.kind === 'anonymous' || (isPassword(found) && !(await aws.isSigned(ctx)))) return []
    const read = async (token: string) => {
      const page = await aws.ask(
        {
          operation: 'DescribeRegistries',
          what: 'find the aliases of the account',
          form: REGISTRIES,
          send: (client, options) =>
            client.describeRegistries({ maxResults: PAGE_SIZE, nextToken: token === '' ? undefined : token }, options),
        },
        ctx,
      )
      return { items: page.registries ?? [], next: page.nextToken ?? undefined }
    }
    const names: string[] = []
    try {
      for await (const { aliases } of itemsOf('', read, 'aliases of the account')) {
        names.push(...(aliases ?? []).map(({ name }) => name))
      }
    } catch (error) {
      if (!isDenied(error)) throw error
      ctx.emit({ type: 'log', level: 'debug', text: `${error.message}: the registry is asked instead` })
    }
    return names
  }

  return { ask: aws.ask, aliases: once(ownAliases) }
}

/** Alias and what the API calls the repository. */
export function partsOf(name: string): readonly [alias: string, repositoryName: string] {
  const slash = name.indexOf('/')
  return [name.slice(0, slash), name.slice(slash + 1)]
}

/** The images of one repository; of others than one's own the API tells nothing. */
export function imagesOf(ecr: EcrPublic, name: string): Images {
  const [alias, repositoryName] = partsOf(name)
  return {
    isOpen: async (ctx) => (await ecr.aliases(ctx)).includes(alias),
    describe: (nextToken, _untagged, ctx) =>
      ecr.ask(
        {
          operation: 'DescribeImages',
          what: `list the tags of ${name}`,
          form: IMAGES,
          send: (client, options) =>
            client.describeImages({ repositoryName, maxResults: PAGE_SIZE, nextToken }, options),
        },
        ctx,
      ),
    delete: (image, ctx) =>
      ecr.ask(
        {
          operation: 'BatchDeleteImage',
          what: `delete images of ${name}`,
          form: DELETED,
          send: (client, options) => client.batchDeleteImage({ repositoryName, imageIds: [image] }, options),
        },
        ctx,
      ),
  }
}
