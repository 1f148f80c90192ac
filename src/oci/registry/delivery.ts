/** What a webhook brought, where it is not what its sender would send. */

import type { z } from 'zod'
import { RegistryError } from '../../core/errors.ts'

export function malformedDelivery(sender: string, error: z.ZodError): RegistryError {
  const [issue] = error.issues
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : ''
  const why = `not a webhook of ${sender}: ${place}${issue?.message ?? 'another form'}`
  return new RegistryError(why, { status: 400, method: 'POST', path: '/hooks' })
}
