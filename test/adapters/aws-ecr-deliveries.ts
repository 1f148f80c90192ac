/** What EventBridge brings of ECR, as it is and within envelopes, and what that tells. */

import type { AdapterSpecimen } from '../contract/adapter/specimen.ts'

const digest = `sha256:${'c'.repeat(64)}` as const
const time = new Date('2026-01-02T03:04:05Z')

function bridge(detail: Readonly<Record<string, unknown>>, type = 'ECR Image Action') {
  return {
    version: '0',
    id: '13cde686-328b-6117-af20-0e5566167482',
    'detail-type': type,
    source: 'aws.ecr',
    account: '123456789012',
    time: '2026-01-02T03:04:05Z',
    region: 'eu-west-1',
    resources: [],
    detail: { result: 'SUCCESS', 'repository-name': 'team/app', 'image-digest': digest, ...detail },
  }
}

const PUSH = bridge({ 'action-type': 'PUSH', 'image-tag': 'latest' })
const PUSHED = {
  action: 'push',
  repository: 'team/app',
  tag: 'latest',
  digest,
  time,
  id: '13cde686-328b-6117-af20-0e5566167482',
} as const
const SNS = { Type: 'Notification', MessageId: '1', TopicArn: 'arn:aws:sns:…', Message: JSON.stringify(PUSH) }
const { tag: _, ...UNTAGGED } = { ...PUSHED, action: 'delete' } as const

const plain = (body: unknown) => ({ headers: {}, body })

export const ECR_DELIVERIES: NonNullable<AdapterSpecimen['deliveries']> = [
  { delivery: plain(PUSH), events: [PUSHED] },
  { delivery: { headers: { 'x-amz-sns-message-type': 'Notification' }, body: SNS }, events: [PUSHED] },
  { delivery: plain({ Records: [{ messageId: '1', body: JSON.stringify(PUSH) }] }), events: [PUSHED] },
  {
    delivery: plain({ Records: [{ body: JSON.stringify(SNS) }, { body: JSON.stringify(SNS) }] }),
    events: [PUSHED, PUSHED],
  },
  {
    delivery: plain({ Type: 'SubscriptionConfirmation', Message: 'You have chosen to subscribe', SubscribeURL: '…' }),
    events: [],
  },
  { delivery: plain(bridge({ 'action-type': 'DELETE', 'image-tag': '' })), events: [UNTAGGED] },
  {
    delivery: plain(bridge({ 'action-type': 'DELETE', 'image-tag': 'latest' })),
    events: [{ ...PUSHED, action: 'delete' }],
  },
  {
    delivery: plain(bridge({ 'action-type': 'REPLICATE', 'image-tag': 'latest' }, 'ECR Replication Action')),
    events: [PUSHED],
  },
  {
    delivery: plain(
      bridge({ result: undefined, 'sync-status': 'SUCCESS', 'image-tag': 'latest' }, 'ECR Pull Through Cache Action'),
    ),
    events: [PUSHED],
  },
  // One of ECR's own, and one of Inspector, which names the repository in another way.
  {
    delivery: plain(bridge({ 'image-tags': ['latest'], 'scan-status': 'COMPLETE' }, 'ECR Image Scan')),
    events: [{ ...PUSHED, action: 'scan' }],
  },
  {
    delivery: plain({
      ...bridge(
        {
          'repository-name': 'arn:aws:ecr:eu-west-1:123456789012:repository/team/app',
          'image-tags': ['latest'],
          'scan-status': 'INITIAL_SCAN_COMPLETE',
        },
        'Inspector2 Scan',
      ),
      source: 'aws.inspector2',
    }),
    events: [{ ...PUSHED, action: 'scan' }],
  },
  // A platform of an image, what failed, what is archived, a scan that failed.
  { delivery: plain(bridge({ 'action-type': 'PUSH' })), events: [] },
  { delivery: plain(bridge({ 'action-type': 'PUSH', 'image-tag': 'v1', result: 'FAILURE' })), events: [] },
  { delivery: plain(bridge({ 'action-type': 'ARCHIVE', 'image-tag': 'v1' })), events: [] },
  { delivery: plain(bridge({ 'image-tags': ['v1'], 'scan-status': 'FAILED' }, 'ECR Image Scan')), events: [] },
]
