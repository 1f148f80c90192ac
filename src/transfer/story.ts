/** What the log of a task tells of a copy that went well: for those who look into one task. */

import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { formatBytes } from '../core/size.ts'

export function tell(text: string, ctx: Context): void {
  ctx.emit({ type: 'log', level: 'debug', text })
}

/** `sha256:9f31c2… (30.0 MiB)`. */
export function namedBlob({ digest, size }: Descriptor): string {
  return `${digest} (${formatBytes(size)})`
}
