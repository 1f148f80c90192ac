/** What "do not verify" means for tools that are built on containers/image. */

import { isLoopback } from '../../core/registry.ts'
import type { Draft, PlainMapping } from './draft.ts'
import type { Origin } from './foreign.ts'

/** Such a tool tries HTTPS without a check, then plain HTTP. On this machine the latter is meant, elsewhere it is said. */
export function withoutVerification(draft: Draft, host: string, name: string, origin: Origin): PlainMapping {
  if (isLoopback(host)) return { url: `http://${host}` }
  const message = `${host} is used without a check of its certificate; plain HTTP was tried, too, and is not any more`
  draft.note(origin, message, `where it speaks plain HTTP write \`url: http://${host}\``, ['registries', name])
  return { insecure: true }
}
