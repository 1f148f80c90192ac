/** Amazon ECR, the private one: content from the registry of an account, lists, repositories and deletes through its API. */

import { z } from 'zod'
import type { AdapterType, SignInTools, WriteRules } from '../../src/core/adapter.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { isNobody } from './aws.ts'
import { imagesOf, openEcr } from './ecr.ts'
import { parseEvents } from './events.ts'
import { parseHost } from './host.ts'
import { listImages, PAGE_SIZE } from './images.ts'
import { ensureRepository, exists, listRepositories, writeRules } from './repositories.ts'
import { ecrRepository } from './repository.ts'
import { passwordOf, ready, TOKEN } from './sign-in.ts'

export const awsEcr: AdapterType = {
  identity: 'aws-ecr',
  name: 'Amazon ECR',
  description: 'the private registries of Amazon Web Services, in all partitions',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: "ECR's own API gives 1,000 images with digests and tags a call",
  credentials: ['aws', 'access_key', 'basic', 'anonymous'],
  quirks: [
    "Where no credential is given, AWS's own places are asked: environment, profile, single sign-on, role, machine; `type: aws` asks only those.",
    'To read, the user or role needs ecr:GetAuthorizationToken, DescribeRepositories, DescribeImages, BatchGetImage and GetDownloadUrlForLayer; to write, also BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload, PutImage and CreateRepository; to delete, BatchDeleteImage.',
    'The password of `docker login` (user AWS) moves content only: then each tag costs one HEAD, and repositories must be there.',
    'A repository is created by its first push here, with the settings in `options`; one that is there keeps its own.',
    'A manifest goes with its last tag, unless an index needs it.',
    'Blobs are taken over between repositories only where the account has set BLOB_MOUNTING.',
    'It takes ten manifests a second: more are asked to wait.',
  ],
  options: [
    { name: 'region', description: 'The region of AWS, where the host of `url` does not say it', type: 'text' },
    { name: 'endpoint', description: "Where ECR's API answers; default as AWS has it for the region", type: 'text' },
    { name: 'scan_on_push', description: 'New repositories scan what is pushed', type: 'flag' },
    { name: 'immutable', description: 'Tags of new repositories cannot be moved', type: 'flag' },
    { name: 'kms_key', description: 'What new repositories are encrypted with: a key of KMS, its ARN', type: 'text' },
    { name: 'tags', description: 'What new repositories are tagged with', type: 'mapping' },
  ],
  expired: [{ status: 403, text: /authorization token has expired/i }],
  signIn,
  parseEvents,
  open(registry, tools) {
    // What a session says of how far it is is wrong: https://github.com/aws/containers-roadmap/issues/2831
    const facts = { upload: { strategy: 'put', status: 'none' }, pageSize: PAGE_SIZE } as const
    const adapter = ociRegistry(registry, tools, facts)
    const ecr = openEcr(registry, tools.api, tools.credential)
    const rules = new Map<string, Promise<WriteRules>>()
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
      ensureRepository: (name, ctx) => ensureRepository(ecr, name, registry.options ?? {}, ctx),
      listTags: (name, ctx, { untagged } = { untagged: true }) =>
        listImages(name, imagesOf(ecr, name), adapter.repository(name), untagged, ctx),
      writeRules(name, ctx) {
        const known = rules.get(name) ?? writeRules(ecr, name, ctx)
        rules.set(name, known)
        known.catch(() => rules.delete(name))
        return known
      },
    }
  },
}

const TOKENS = z.looseObject({ authorizationData: z.tuple([TOKEN], z.unknown()) })

async function signIn(found: Credential, registry: Registry, { api, ctx }: SignInTools): Promise<SentCredential> {
  refuseApi(registry)
  if (found.kind === 'anonymous' && isNobody(found, registry)) return found
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
