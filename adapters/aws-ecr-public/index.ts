/** Amazon ECR Public: public.ecr.aws is read anonymously, an account writes below its own alias. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const awsEcrPublic: AdapterType = {
  identity: 'aws-ecr-public',
  name: 'Amazon ECR Public',
  description: 'public.ecr.aws, the public registry of Amazon Web Services',
  hosts: [/^(public\.ecr\.aws|ecr-public\.aws\.com)$/],
  home: 'https://public.ecr.aws',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    "of the account's own repositories ECR's API gives 1,000 images with digests and tags a call; of others tag lists, then one HEAD a tag",
  credentials: ['anonymous', 'aws', 'access_key', 'basic'],
  checked: 'a fake that checks signatures; not run against the live service',
  quirks: [
    "Without a credential it is read anonymously, at a request a second; `type: aws` asks AWS's own places (environment, profile, role) and may read ten times as fast.",
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
  signIn: async (found, registry, tools) => (await import('./open.ts')).signIn(found, registry, tools),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
