/** Amazon ECR Public: anybody reads public.ecr.aws, an account writes below its own alias. */

import { z } from 'zod'
import type { AdapterType, SignInTools } from '../../src/core/adapter.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { listImages } from '../aws-ecr/images.ts'
import { ecrRepository } from '../aws-ecr/repository.ts'
import { passwordOf, ready, TOKEN } from '../aws-ecr/sign-in.ts'
import { imagesOf, openEcrPublic } from './api.ts'
import { ensureRepository, exists, listRepositories, writeRules } from './repositories.ts'

export const awsEcrPublic: AdapterType = {
  identity: 'aws-ecr-public',
  name: 'Amazon ECR Public',
  description: 'public.ecr.aws, the public registry of Amazon Web Services',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    "of the account's own repositories ECR's API gives 1,000 images with digests and tags a call; of others tag lists, then one HEAD a tag",
  credentials: ['anonymous', 'aws', 'access_key', 'basic'],
  quirks: [
    "Where no credential is given it is read as anybody, at a request a second; `type: aws` asks AWS's own places (environment, profile, role) and may read ten times as fast.",
    'A repository is ALIAS/NAME; the alias is that of the account, and only below it can be pushed.',
    'The repositories of others cannot be listed: they must be named.',
    'To read signed in, the user or role needs ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken; to write, also ecr-public:DescribeRegistries, CreateRepository, BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload and PutImage.',
    'A manifest goes with its last tag, unless an index needs it.',
    'It tells of no pushes: use a schedule.',
  ],
  options: [
    {
      name: 'endpoint',
      description: 'Where its API answers; default https://api.ecr-public.us-east-1.amazonaws.com',
      type: 'text',
    },
    { name: 'tags', description: 'What new repositories are tagged with', type: 'mapping' },
  ],
  // https://github.com/aws/containers-roadmap/issues/2835
  expired: [{ status: 400, text: /authorization token (is invalid|has expired)/i }],
  signIn,
  open(registry, tools) {
    const adapter = ociRegistry(registry, tools, { upload: { strategy: 'put', status: 'none' } })
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
      ensureRepository: (name, ctx) => ensureRepository(ecr, name, registry.options ?? {}, ctx),
      listTags: (name, ctx, { untagged } = { untagged: true }) =>
        listImages(name, imagesOf(ecr, name), adapter.repository(name), untagged, ctx),
      writeRules: (name, ctx) => writeRules(ecr, name, ctx),
    }
  },
}

const TOKENS = z.looseObject({ authorizationData: TOKEN })

async function signIn(found: Credential, registry: Registry, { api, ctx }: SignInTools): Promise<SentCredential> {
  // Anybody may read: nothing of AWS is asked for where nobody said so.
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
