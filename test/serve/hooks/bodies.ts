/** A delivery of each vendor, as it comes, and the event that it tells. */

import type { RegistryEvent } from '../../../src/core/adapter.ts'
import type { Registry } from '../../../src/core/registry.ts'
import { basic, bearer, hmac, SECRET } from './hooked.ts'

interface Sent {
  readonly registry: Partial<Registry> & { readonly type: string }
  readonly body: unknown
  readonly headers: (text: string) => Readonly<Record<string, string>>
  readonly path?: string
  readonly tells: Partial<RegistryEvent>
}

const digest = `sha256:${'a'.repeat(64)}` as const
const time = '2026-11-21T05:48:26Z'
const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const IN_URL = `/hooks/it?token=${encodeURIComponent(SECRET)}`
const tells = { action: 'push', repository: 'team/app', tag: 'v1' } as const
const harbor = {
  resources: [{ digest, tag: 'v1', resource_url: 'harbor.example.com/team/app:v1' }],
  repository: { name: 'app', namespace: 'team', repo_full_name: 'team/app', repo_type: 'private' },
}
const acr = {
  id: 'a1',
  timestamp: time,
  action: 'push',
  target: { mediaType, digest, repository: 'team/app', tag: 'v1' },
}
const ecr = {
  version: '0',
  id: 'b1',
  'detail-type': 'ECR Image Action',
  source: 'aws.ecr',
  time,
  detail: {
    result: 'SUCCESS',
    'action-type': 'PUSH',
    'repository-name': 'team/app',
    'image-digest': digest,
    'image-tag': 'v1',
  },
}
const json = { 'content-type': 'application/json' }
const cloudEvent = { 'content-type': 'application/cloudevents+json; charset=utf-8' }

export const BODIES: readonly [readonly [string, Sent], ...(readonly [string, Sent])[]] = [
  [
    'distribution',
    {
      registry: { type: 'docker-registry' },
      body: {
        events: [
          {
            id: 'e1',
            timestamp: time,
            action: 'push',
            target: { mediaType, digest, repository: 'team/app', tag: 'v1' },
          },
        ],
      },
      headers: () => ({ 'content-type': 'application/vnd.docker.distribution.events.v2+json', ...bearer() }),
      tells: { ...tells, id: 'e1' },
    },
  ],
  [
    'GitLab',
    {
      registry: { type: 'gitlab' },
      body: {
        events: [{ id: 'e1', timestamp: time, action: 'delete', target: { repository: 'team/app', tag: 'v1' } }],
      },
      headers: () => ({
        'content-type': 'application/vnd.docker.distribution.events.v1+json',
        'x-gitlab-token': SECRET,
      }),
      tells: { ...tells, action: 'delete', id: 'e1' },
    },
  ],
  [
    'zot',
    {
      registry: { type: 'zot' },
      body: { name: 'team/app', reference: 'v1', digest, mediaType },
      headers: () => ({
        ...json,
        ...basic(),
        'ce-id': 'z1',
        'ce-source': 'zotregistry.dev',
        'ce-specversion': '1.0',
        'ce-type': 'zotregistry.image.updated',
        'ce-time': time,
      }),
      tells: { ...tells, id: 'z1' },
    },
  ],
  [
    'Harbor',
    {
      registry: { type: 'harbor' },
      body: { type: 'PUSH_ARTIFACT', occur_at: 1795240015, operator: 'admin', event_data: harbor },
      headers: () => ({ ...json, authorization: SECRET }),
      tells,
    },
  ],
  [
    'Harbor in CloudEvents',
    {
      registry: { type: 'harbor' },
      body: { specversion: '1.0', id: 'h1', type: 'harbor.artifact.deleted', time, data: harbor, operator: 'admin' },
      headers: () => ({ ...cloudEvent, ...bearer() }),
      tells: { ...tells, action: 'delete', id: 'h1' },
    },
  ],
  [
    'Docker Hub',
    {
      registry: { type: 'docker-hub' },
      body: {
        callback_url: 'http://127.0.0.1:9/u/team/app/hook/1/',
        push_data: { pushed_at: 1767323045, pusher: 'team', tag: 'v1' },
        repository: { repo_name: 'team/app', namespace: 'team', name: 'app' },
      },
      headers: () => json,
      path: IN_URL,
      tells,
    },
  ],
  [
    'Azure',
    {
      registry: { type: 'azure-acr' },
      body: acr,
      headers: () => ({ ...json, ...bearer() }),
      tells: { ...tells, id: 'a1' },
    },
  ],
  [
    'Event Grid',
    {
      registry: { type: 'azure-acr' },
      body: [{ id: 'g1', eventType: 'Microsoft.ContainerRegistry.ImagePushed', subject: 'team/app:v1', data: acr }],
      headers: () => ({ ...json, 'aeg-event-type': 'Notification' }),
      path: IN_URL,
      tells: { ...tells, id: 'a1' },
    },
  ],
  [
    'EventBridge',
    {
      registry: { type: 'aws-ecr' },
      body: ecr,
      headers: () => ({ ...json, 'x-api-key': SECRET }),
      tells: { ...tells, id: 'b1' },
    },
  ],
  [
    'SNS',
    {
      registry: { type: 'aws-ecr' },
      body: { Type: 'Notification', MessageId: '1', TopicArn: 'arn:aws:sns:…', Message: JSON.stringify(ecr) },
      headers: () => ({ 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' }),
      path: IN_URL,
      tells: { ...tells, id: 'b1' },
    },
  ],
  [
    'Pub/Sub',
    {
      registry: { type: 'google-gar' },
      body: {
        message: {
          data: Buffer.from(
            JSON.stringify({ action: 'INSERT', digest: `e.pkg.dev/p/r/app@${digest}`, tag: 'e.pkg.dev/p/r/app:v1' }),
          ).toString('base64'),
          messageId: 'm1',
          publishTime: time,
        },
        subscription: 'projects/p/subscriptions/s',
      },
      headers: () => json,
      path: IN_URL,
      tells: { ...tells, repository: 'p/r/app', id: 'm1' },
    },
  ],
  [
    'GitHub',
    {
      registry: { type: 'github-ghcr' },
      body: {
        action: 'published',
        registry_package: {
          name: 'app',
          package_type: 'CONTAINER',
          owner: { login: 'Team' },
          package_version: { container_metadata: { tag: { name: 'v1', digest } }, updated_at: time },
        },
      },
      headers: (text) => ({
        ...json,
        'x-github-event': 'registry_package',
        'x-github-delivery': 'd-1',
        'x-hub-signature-256': `sha256=${hmac(text)}`,
      }),
      tells,
    },
  ],
  [
    'Gitea',
    {
      registry: { type: 'gitea' },
      body: {
        action: 'created',
        package: { type: 'container', name: 'app', version: 'v1', owner: { login: 'Team' }, created_at: time },
      },
      headers: (text) => ({
        ...json,
        'x-gitea-event': 'package',
        'x-gitea-delivery': 'd-1',
        'x-hub-signature-256': `sha256=${hmac(text)}`,
      }),
      tells,
    },
  ],
  [
    'Quay',
    {
      registry: { type: 'quay' },
      body: { repository: 'team/app', namespace: 'team', name: 'app', updated_tags: ['v1'] },
      headers: () => json,
      path: IN_URL,
      tells,
    },
  ],
  [
    'Artifactory',
    {
      registry: { type: 'jfrog-artifactory' },
      body: {
        domain: 'docker',
        event_type: 'pushed',
        data: { repo_key: 'team', path: 'app/v1/manifest.json', image_name: 'app', tag: 'v1', sha256: 'a'.repeat(64) },
      },
      headers: () => ({ ...json, 'x-jfrog-event-auth': SECRET }),
      tells,
    },
  ],
  [
    'Mirantis',
    {
      registry: { type: 'dtr' },
      body: {
        type: 'TAG_PUSH',
        createdAt: time,
        contents: { namespace: 'team', repository: 'app', tag: 'v1', digest, pushedAt: time },
      },
      headers: () => json,
      path: IN_URL,
      tells,
    },
  ],
  [
    'Alibaba',
    {
      registry: { type: 'ali-acr' },
      body: {
        push_data: { digest, pushed_at: '2026-01-02 11:04:05', tag: 'v1' },
        repository: { name: 'app', namespace: 'team', repo_full_name: 'team/app', repo_type: 'PRIVATE' },
      },
      headers: () => json,
      path: IN_URL,
      tells,
    },
  ],
  [
    'Tencent',
    {
      registry: { type: 'tencent-tcr' },
      body: { type: 'pushImage', occur_at: 1589106605, event_data: harbor, operator: '1' },
      headers: () => ({ ...json, ...bearer() }),
      tells,
    },
  ],
]

export const AWS_SNS_CONFIRMATION = {
  Type: 'SubscriptionConfirmation',
  MessageId: '1',
  Token: '23',
  TopicArn: 'arn:aws:sns:eu-west-1:123456789012:pushes',
  Message: 'You have chosen to subscribe',
  SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=23',
}
