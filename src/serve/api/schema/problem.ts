/** What every request may be answered that is not done. */

import { z } from 'zod'

export const fieldError = z.object({
  path: z.string().describe('Where in the request, such as `body.filters.tag`; or line and column in the file'),
  message: z.string(),
  hint: z.string().optional(),
})
export type FieldError = z.infer<typeof fieldError>

/** RFC 9457, with the fields of an error under `--json`. */
export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    errors: z.array(fieldError).optional().describe('Everything that is wrong, at once'),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof problem>
