/** The API of the private ECR, one registry for each account and region.
 *
 *  https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ */

import type { ECR } from '@aws-sdk/client-ecr'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { type Aws, clientConfig, openAws, textOption } from './aws.ts'
import { DELETED, IMAGES, type Images, PAGE_SIZE } from './repository.ts'

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
    isOpen: ecr.isSigned,
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

export interface EcrHost {
  /** Twelve digits, which are the registry's id, too. Absent: the host is that of the API. */
  readonly account?: string
  readonly region: string
  readonly fips: boolean
  /** Reached by IPv6 as well. */
  readonly dualStack: boolean
}

/** One domain for each partition of AWS. */
const REGISTRY =
  /^(\d{12})\.dkr([.-])ecr(-fips)?\.([a-z0-9][a-z0-9_-]*)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/i
const API = /^(?:api\.ecr|ecr-fips|api\.ecr-fips|ecr)\.([a-z0-9][a-z0-9-]*)\.(?:amazonaws\.|api\.)/i

/** Undefined for a host that only the network knows: a proxy's, a test's. */
export function parseHost(hostname: string): EcrHost | undefined {
  const [, account, separator, fips, region] = REGISTRY.exec(hostname) ?? []
  if (account !== undefined && region !== undefined) {
    return { account, region: region.toLowerCase(), fips: fips !== undefined, dualStack: separator === '-' }
  }
  const ofApi = API.exec(hostname)?.[1]
  return ofApi === undefined ? undefined : { region: ofApi.toLowerCase(), fips: false, dualStack: false }
}
