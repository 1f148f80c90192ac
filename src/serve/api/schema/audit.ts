/** Lines of the audit log. */

import { z } from 'zod'
import { AUDIT_NOUNS, AUDIT_VERBS } from '../../../core/audit.ts'
import { page, pageSize, queryOf, sortBy } from './list.ts'

export const auditLine = z
  .object({
    id: z.int(),
    time: z.iso.datetime(),
    who: z.string().describe('The name of a token, or the user of a shell'),
    role: z.string().nullable().describe('Of the token; null on the command line'),
    origin: z.string().describe('The address that the request came from, or `cli`'),
    verb: z.enum(AUDIT_VERBS),
    noun: z.enum(AUDIT_NOUNS),
    name: z.string().describe('Of a policy or registry, or the number of an execution'),
    detail: z.string().nullable().describe('The file, the policy or the execution'),
  })
  .meta({ id: 'AuditLine' })
export type AuditLine = z.infer<typeof auditLine>

export const auditQuery = z.strictObject({
  page,
  page_size: pageSize,
  sort: sortBy(['id'], '-id'),
  q: queryOf({
    who: z.string().optional(),
    verb: z.enum(AUDIT_VERBS).optional(),
    noun: z.enum(AUDIT_NOUNS).optional(),
    name: z.string().optional(),
    since: z.iso.datetime({ offset: true }).optional(),
  }),
})
