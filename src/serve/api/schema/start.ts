/** How an execution is started: a policy, and the options of `replicate run`. */

import { z } from 'zod'
import { parseDuration } from '../../../config/duration.ts'
import { parseRate, parseSize } from '../../../config/size.ts'
import { FILTER_KEYS, type FilterKey, parseShard, patternProblem } from '../../../core/narrowing.ts'
import { policyId } from './list.ts'

/** Patterns of one key. */
const MOST_PATTERNS = 100
/** Streams of one execution. */
const MOST_STREAMS = 256

function patternsOf(key: FilterKey) {
  const pattern = z
    .string()
    .min(1)
    .max(1000)
    .superRefine((text, ctx) => {
      const problem = patternProblem(key, text)
      if (problem)
        ctx.addIssue({ code: 'custom', message: [problem.message, problem.hint].join('; ').replace(/; $/, '') })
    })
  return z.array(pattern).min(1).max(MOST_PATTERNS).optional()
}

/** A text that `read` understands; else it `must` be something else. */
function spelled<T>(read: (text: string) => T | undefined, must: string) {
  return z
    .string()
    .max(50)
    .transform((text, ctx): T => {
      const value = read(text)
      if (value !== undefined) return value
      ctx.addIssue({ code: 'custom', message: `it must be ${must}` })
      return z.NEVER
    })
}

const positive = <N extends number>(value: N | undefined): N | undefined =>
  value !== undefined && value > 0 ? value : undefined

const filter = z
  .strictObject({
    name: patternsOf('name'),
    tag: patternsOf('tag'),
    resource: patternsOf('resource'),
    label: patternsOf('label'),
  } satisfies Record<FilterKey, unknown>)
  .describe(`Narrows the policy further, by patterns of ${FILTER_KEYS.join(', ')}`)

export const startRequest = z
  .strictObject({
    policy_id: policyId,
    filter: filter.optional(),
    shard: spelled(parseShard, 'I/N, the I-th of N parts, such as 1/4')
      .optional()
      .describe('Only the I-th of N parts, as `I/N`'),
    referrers: z
      .enum(['all', 'changed'])
      .optional()
      .describe('Of which artifacts signatures, attestations and SBOMs are looked for; `all` finds late ones'),
    dry_run: z.boolean().default(false).describe('Touch nothing: answer with the plan, as a preview does'),
    concurrency: z.int().min(1).max(MOST_STREAMS).optional().describe('Blob streams at once'),
    bandwidth: spelled((text) => positive(parseRate(text) ?? parseSize(text)), 'a rate such as 50MiB/s')
      .optional()
      .describe('Of all its streams together, such as `50MiB/s`'),
    fail_fast: z.boolean().optional().describe('Stop at the first task that fails'),
    max_failures: z.int().min(1).optional().describe('Stop once this many tasks failed'),
    timeout: spelled((text) => positive(parseDuration(text)), 'a duration such as 30s, 5m or 2h')
      .optional()
      .describe('Stop after this time, such as `2h`'),
  })
  .meta({
    examples: [
      { policy_id: 'copy', dry_run: true },
      { policy_id: 'copy', filter: { tag: ['3.*'] }, timeout: '2h' },
    ],
  })
export type StartRequest = z.infer<typeof startRequest>
