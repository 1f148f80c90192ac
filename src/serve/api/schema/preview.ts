/** What a policy's filters match, and its plan: what is asked, and the lines of the answer. */

import { z } from 'zod'
import { resourceType } from './adapter.ts'
import { policyId } from './list.ts'

const NAME = z.string().min(1).max(300)

export const previewRequest = z
  .union([z.strictObject({ policy_id: policyId }), z.looseObject({ name: NAME.optional(), source: z.unknown() })])
  .describe('A policy that is in force, or a whole one that need not be saved; that may lack its destination')
export type PreviewRequest = z.infer<typeof previewRequest>

const flag = z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(false)

export const previewQuery = z.strictObject({
  plan: flag.describe('The plan in place of what is matched'),
  shallow: flag.describe('Of a plan: without sizes, for which manifests are read'),
})

const count = z.int().min(0)

/** A repository that the policy selects, with what becomes of its tags. */
export const matchRow = z.object({
  type: z.literal('repository'),
  repository: z.string(),
  lands: z.array(z.string()).describe('`REGISTRY/REPOSITORY` of each destination'),
  tags: z.array(z.string()).describe('The first of those that are selected'),
  tags_selected: count,
  untagged: count.describe('Selected artifacts without a tag'),
  seen: count.describe('Tags before the filters'),
  left: z.array(z.object({ tag: z.string(), rule: z.string() })).describe('The first tags that are left out, and why'),
})

/** A repository that the policy leaves out. */
export const leftRow = z.object({ type: z.literal('left'), repository: z.string(), rule: z.string() })

export const warningRow = z.object({ type: z.literal('warning'), message: z.string() })

const cut = z.string().nullable().describe('Why it is not all; null where it is')

/** The last line of a preview. */
export const matchedRow = z.object({
  type: z.literal('done'),
  repositories: count.describe('With something that is selected'),
  tags: count,
  untagged: count,
  seen: count,
  left_repositories: count,
  warnings: count,
  cut,
})

/** An action, as `plan --json` has it. */
export const actionRow = z.object({
  type: z.literal('action'),
  action: z.enum(['copy', 'update', 'delete', 'keep', 'blocked']),
  resource_type: resourceType,
  source: z.string(),
  destination: z.string(),
  digest: z.string().nullable(),
  previous_digest: z.string().nullable(),
  bytes: count.nullable(),
  bytes_to_copy: count.nullable(),
  layers: count.nullable(),
  layers_to_copy: count.nullable(),
  platforms: z.array(z.string()),
  referrers: count.nullable(),
  reason: z.string().nullable(),
  hint: z.string().nullable(),
  named_by: z.string().nullable(),
})

/** The last line of a plan. */
export const plannedRow = z.object({
  type: z.literal('plan'),
  policy: z.string(),
  source: z.string(),
  destination: z.string(),
  actions: z.record(z.string(), count).describe('How many there are of each kind'),
  unchanged: count,
  seen: count,
  left_behind: z.record(z.string(), count),
  refused: z.object({ message: z.string(), hint: z.string().nullable() }).nullable(),
  warnings: z.array(z.string()),
  cut,
})

/** The last line where it failed after the first. */
export const errorRow = z.object({
  type: z.literal('error'),
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
})

export const previewRow = z
  .union([matchRow, leftRow, warningRow, matchedRow, actionRow, plannedRow, errorRow])
  .meta({ id: 'PreviewLine' })
export type PreviewRow = z.infer<typeof previewRow>
