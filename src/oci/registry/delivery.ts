/** The error for a webhook whose body does not have its sender's form. */

import type { z } from 'zod'
import { RegistryError } from '../../core/errors.ts'

export function malformedDelivery(sender: string, error: z.ZodError): RegistryError {
  const [issue] = error.issues
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : ''
  const why = `not a webhook of ${sender}: ${place}${issue?.message ?? 'another form'}`
  return new RegistryError(why, { status: 400, method: 'POST', path: '/hooks' })
}
