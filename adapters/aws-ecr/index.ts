/** Amazon ECR, the private one: content from the registry of an account, lists, repositories and deletes through its API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const awsEcr: AdapterType = {
  identity: 'aws-ecr',
  name: 'Amazon ECR',
  description: 'the private registries of Amazon Web Services, in all partitions',
  hosts: [
    /^\d+\.dkr[.-]ecr(-fips)?\.[a-z0-9_-]+\.(amazonaws\.com(\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/,
  ],
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: "ECR's own API gives 1,000 images with digests and tags a call",
  credentials: ['aws', 'access_key', 'basic', 'anonymous'],
  checked:
    'a fake that checks signatures, and moto with a distribution 3 for the content; not run against the live service',
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
  signIn: async (found, registry, tools) => (await import('./open.ts')).signIn(found, registry, tools),
  hooks: {
    events: ['push', 'delete', 'scan'],
    setup:
      'a rule of EventBridge for `source: aws.ecr` (and `aws.inspector2`, for enhanced scans) whose target is an API destination: POST to URL, with a connection of type API key, `x-api-key` being SECRET, or of type Basic with SECRET as the password. Through a topic of SNS the endpoint is `URL?token=SECRET`, and `replicate serve` logs the link that confirms the subscription.',
    header: 'x-api-key',
  },
  greetHook: async (delivery) => (await import('./events.ts')).greetHook(delivery),
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
