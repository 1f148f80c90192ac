/** The API of the private ECR, one registry for each account and region.
 *
 *  https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ */

import type { ECR } from '@aws-sdk/client-ecr'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { type Aws, clientConfig, openAws, textOption } from './aws.ts'
import { parseHost } from './host.ts'
import { DELETED, IMAGES, type Images, PAGE_SIZE } from './images.ts'

export interface Ecr extends Aws<ECR> {
  /** Of which account; nothing where the URL does not say: that of the credential. */
  readonly owner: { readonly registryId?: string }
}

export function openEcr(registry: Registry, api: AdapterTools['api'], credential: () => Promise<Credential>): Ecr {
  const host = parseHost(new URL(registry.url ?? 'https://localhost').hostname)
  const aws = openAws('ecr', registry, credential, async (found) => {
    const { ECR } = await import('@aws-sdk/client-ecr')
    const given = textOption(registry, 'region', (text) => /^[a-z0-9-]+$/.test(text), 'a region of AWS')
    const region = given ?? host?.region
    return new ECR({
      ...clientConfig(found, registry, api),
      ...(region === undefined ? {} : { region }),
      ...(host?.fips ? { useFipsEndpoint: true } : {}),
      ...(host?.dualStack ? { useDualstackEndpoint: true } : {}),
    })
  })
  return { ...aws, owner: host?.account === undefined ? {} : { registryId: host.account } }
}

/** The images of one repository. */
export function imagesOf(ecr: Ecr, repositoryName: string): Images {
  const where = { ...ecr.owner, repositoryName }
  return {
    isOpen: () => ecr.isSigned(),
    describe: (nextToken, untagged, ctx) =>
      ecr.ask(
        {
          operation: 'DescribeImages',
          what: `list the tags of ${repositoryName}`,
          form: IMAGES,
          send: (client, options) => {
            const filter = untagged ? {} : { filter: { tagStatus: 'TAGGED' as const } }
            return client.describeImages({ ...where, ...filter, maxResults: PAGE_SIZE, nextToken }, options)
          },
        },
        ctx,
      ),
    delete: (image, ctx) =>
      ecr.ask(
        {
          operation: 'BatchDeleteImage',
          what: `delete images of ${repositoryName}`,
          form: DELETED,
          send: (client, options) => client.batchDeleteImage({ ...where, imageIds: [image] }, options),
        },
        ctx,
      ),
  }
}
