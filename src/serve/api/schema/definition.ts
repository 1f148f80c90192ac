/** Registries and policies: the fields of `--json`, and of their place in a file. */

import { z } from 'zod'
import { NAME } from '../../../config/schema.ts'
import type { Plain } from '../desk.ts'
import { execution } from './execution.ts'
import { page, pageSize } from './list.ts'
import { comingRun } from './schedule.ts'

const plain: z.ZodType<Plain> = z
  .lazy(() => z.union([z.string(), z.number(), z.boolean(), z.array(plain), z.record(z.string(), plain)]))
  .meta({ id: 'Yaml' })
/** What a file has below a name. */
export const written = z.record(z.string(), z.unknown())

export const name = z.string().regex(NAME, 'a name has letters, digits, `.`, `_` and `-`')
export const nameParams = z.strictObject({ id: z.string().min(1).max(300) })
export const policyParams = z.strictObject({
  id: z
    .string()
    .min(1)
    .max(300)
    .describe('Its name, or its number in the history, which executions have as `policy_id`'),
})

export const listQuery = z.strictObject({ page, page_size: pageSize })

export const editQuery = z.strictObject({
  dry_run: z.stringbool().default(false).describe('Write nothing: answer with what would be written'),
})

export const ifMatch = z.looseObject({
  'if-match': z.string().max(200).optional().describe('The `ETag` that was read: another one is answered with 412'),
})

/** The answer of a dry run. */
export const draft = z
  .object({
    file: z.string(),
    yaml: z.string().describe('The YAML of it alone'),
    changes: z.boolean(),
    lines: z
      .array(z.object({ kind: z.enum(['added', 'removed', 'same']), text: z.string() }))
      .readonly()
      .describe('Of the file, from the first line that changes to the last one'),
    next_runs: z.array(comingRun).describe('Of a policy: the next times of its schedules'),
  })
  .meta({ id: 'Draft' })
export type Draft = z.infer<typeof draft>

export const registry = z
  .looseObject({
    name: z.string(),
    registry_type: z.string(),
    url: z.string(),
    description: z.string().nullable(),
    insecure: z.boolean(),
    status: z.string(),
    status_reason: z.string().nullable(),
    status_since: z.string().nullable(),
    checked_at: z.string().nullable(),
    file: z.string().nullable().describe('The file that has it'),
    policies: z.array(z.string()).describe('The policies that use it'),
  })
  .meta({ id: 'Registry' })
export type Registry = z.infer<typeof registry>

export const registryDetail = registry
  .extend({
    definition: written.nullable().describe('As its file has it'),
    changes: z.array(z.object({ status: z.string(), status_reason: z.string().nullable(), time: z.string() })),
  })
  .meta({ id: 'RegistryDetail' })

export const policy = z
  .looseObject({
    name: z.string(),
    enabled: z.boolean(),
    src_registry: z.string(),
    dest_registry: z.string(),
    src_registry_id: z.string(),
    dest_registry_id: z.string(),
    next_run: z.string().nullable(),
    file: z.string().nullable(),
    last_execution: execution.nullable(),
  })
  .meta({ id: 'Policy' })
export type Policy = z.infer<typeof policy>

export const policyDetail = policy
  .extend({ definition: written.nullable().describe('As its file has it') })
  .meta({ id: 'PolicyDetail' })

/** The words of a file, for a registry or a policy. */
const fields = z.record(z.string(), plain)

export const entered = z.strictObject({
  type: z.enum(['basic', 'token', 'access_key', 'service_account']),
  username: z.string().max(1000).optional(),
  secret: z
    .string()
    .min(1)
    .max(64 * 1024),
})

const definition = fields.describe('As its place in a file: `type`, `url`, `insecure`, `limits`, …')
const ca_pem = z
  .string()
  .max(64 * 1024)
  .optional()
  .describe('An authority to trust: it is kept beside the file as `ca`')
const credential = entered.optional().describe('Goes into the keychain, and is never shown again')

export const newRegistry = z.strictObject({ name, definition, credential, ca_pem })
export const changedRegistry = z.strictObject({ definition, credential, ca_pem })
export const triedRegistry = z.strictObject({ name: name.default('new'), definition, credential, ca_pem })

export const pingAnswer = z
  .object({
    ok: z.boolean(),
    steps: z.array(z.object({ name: z.string(), ok: z.boolean(), duration: z.number(), detail: z.string() })),
    certificate: z
      .object({
        distrust: z.string().nullable(),
        subject: z.string(),
        issuer: z.string(),
        not_before: z.string(),
        not_after: z.string(),
        names: z.array(z.string()),
        sha256: z.string(),
        authority: z.object({ subject: z.string(), sha256: z.string(), pem: z.string() }).nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'Ping' })
export type PingAnswer = z.infer<typeof pingAnswer>

export const newPolicy = z.strictObject({ name, definition: fields })
export const changedPolicy = z
  .union([z.strictObject({ enabled: z.boolean() }), z.strictObject({ definition: fields })])
  .describe('`{"enabled": false}` alone, or all of its place in a file')
  .meta({
    examples: [
      { enabled: true },
      { definition: { source: 'from/app', destination: { registry: 'to', namespace: 'mirror' } } },
    ],
  })

export const handlerRequest = z.strictObject({
  events: z.array(z.string()).optional().describe('`prepare` is the only one there is'),
  handler_url: z.string().min(1).max(2000),
  abort_code: z.array(z.int().min(100).max(599)).optional(),
})
