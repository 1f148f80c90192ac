/** What EventBridge tells of ECR, as it is, or within the envelopes of SNS and SQS.
 *
 *  https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
 *  https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced-events.html */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { parseJson } from '../../src/core/foreign.ts'
import type { HookGreeting } from '../../src/core/hooks.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const BRIDGE = z.looseObject({
  source: z.string(),
  id: z.string().nullish(),
  time: z.string().nullish(),
  'detail-type': z.string(),
  detail: z.looseObject({
    result: z.string().nullish(),
    'sync-status': z.string().nullish(),
    'action-type': z.string().nullish(),
    'repository-name': z.string().nullish(),
    'image-digest': z.string().nullish(),
    'image-tag': z.string().nullish(),
    'image-tags': z.array(z.string()).nullish(),
    'scan-status': z.string().nullish(),
  }),
})
const SNS = z.looseObject({ Type: z.string(), Message: z.string(), SubscribeURL: z.string().nullish() })
const SQS = z.looseObject({ Records: z.array(z.looseObject({ body: z.string() })) })

const LINK = /^https:\/\/sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/[!-~]{1,2000}$/

/** An event within SNS within SQS. */
const DEEPEST = 3

export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  return eventsIn(body, DEEPEST)
}

function eventsIn(body: unknown, depth: number): readonly RegistryEvent[] {
  const sqs = SQS.safeParse(body)
  if (sqs.success && depth > 1) return sqs.data.Records.flatMap((record) => eventsIn(parse(record.body), depth - 1))
  const sns = SNS.safeParse(body)
  if (sns.success && depth > 1) {
    // The others are to confirm a subscription, which is the user's affair.
    return sns.data.Type === 'Notification' ? eventsIn(parse(sns.data.Message), depth - 1) : []
  }
  const parsed = BRIDGE.safeParse(body)
  if (!parsed.success) throw malformedDelivery('EventBridge', parsed.error)
  return parsed.data['detail-type'].endsWith('Scan') ? scanEvents(parsed.data) : imageEvent(parsed.data)
}

/** A topic of SNS sends nothing before its subscription is confirmed. The link is not followed: it is a stranger's. */
export function greetHook({ body }: Delivery): HookGreeting | undefined {
  const sns = SNS.safeParse(body)
  if (!sns.success || sns.data.Type !== 'SubscriptionConfirmation') return undefined
  const url = sns.data.SubscribeURL ?? ''
  const link = LINK.test(url) ? `open ${url}` : 'its message names no link of SNS'
  return { note: `a topic of Amazon SNS asks to confirm its subscription: ${link}` }
}

/** Of the tags of an image that was scanned, by ECR itself or by Inspector, which names the repository by its ARN. */
function scanEvents({ source, id, time, detail }: z.output<typeof BRIDGE>): readonly RegistryEvent[] {
  const repository = (detail['repository-name'] ?? '').replace(/^arn:[^/]*:repository\//, '')
  const isDone = source === 'aws.ecr' ? 'COMPLETE' : source === 'aws.inspector2' ? 'INITIAL_SCAN_COMPLETE' : undefined
  if (repository === '' || isDone === undefined || detail['scan-status'] !== isDone) return []
  const digest = detail['image-digest']
  return (detail['image-tags'] ?? []).map((tag) => eventOf('scan', repository, { tag, digest, time, id }))
}

/** Nothing for what failed, and for the platforms of an image, which come by themselves without a tag. */
function imageEvent(event: z.output<typeof BRIDGE>): readonly RegistryEvent[] {
  const { detail, source, id } = event
  const repository = detail['repository-name']
  const tag = detail['image-tag']
  const digest = detail['image-digest']
  const action = actionOf(event['detail-type'], detail['action-type'])
  if (source !== 'aws.ecr' || !action || (detail.result ?? detail['sync-status']) !== 'SUCCESS') return []
  if (!repository || (!tag && (action === 'push' || !digest))) return []
  return [eventOf(action, repository, { tag, digest, time: event.time, id })]
}

function actionOf(type: string, action: string | null | undefined): RegistryEvent['action'] | undefined {
  if (type === 'ECR Replication Action' || type === 'ECR Pull Through Cache Action') return 'push'
  if (type !== 'ECR Image Action') return undefined
  return action === 'PUSH' ? 'push' : action === 'DELETE' ? 'delete' : undefined
}

function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
