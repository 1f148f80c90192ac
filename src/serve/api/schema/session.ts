/** Who uses the page. */

import { z } from 'zod'
import { ROLES } from '../../../core/role.ts'

export const sessionRequest = z.strictObject({ token: z.string().min(1).max(1000) })

export const session = z
  .object({
    name: z.string(),
    role: z.enum(ROLES),
    namespaces: z.array(z.string()).nullable().describe('Of a maintainer: those that it may write policies for'),
    until: z.iso.datetime().nullable().describe('When the session ends; null for a bearer token'),
  })
  .meta({ id: 'Session' })
export type Session = z.infer<typeof session>
