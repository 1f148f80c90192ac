/** Values in files of other tools, all of which arrive as text. */

import { z } from 'zod'

/** As YAML 1.1 has it, which most of these tools read. */
export const truth = z
  .string()
  .regex(/^(true|false|yes|no|on|off)$/i, 'is not `true` or `false`')
  .transform((text) => /^(true|yes|on)$/i.test(text))

export const whole = z
  .string()
  .regex(/^-?\d+$/, 'is not a whole number')
  .transform(Number)

export const texts = z.array(z.string())
