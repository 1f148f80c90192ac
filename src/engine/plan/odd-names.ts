/** Invalid names in a registry's lists. They are dropped before any use, since a name such as `../x` could address another repository. */

import type { Context } from '../../core/context.ts'
import { foreignName } from '../../core/foreign.ts'
import type { Explain } from './filter.ts'

export interface OddNames {
  /** Without `tag`, the repository's own name is invalid. The first names are logged, the rest only counted. */
  note(repository: string, tag: string | undefined, ctx: Context): void
  /** Logs how many further names there were, once everything is listed. */
  report(ctx: Context): void
}

/** The rule that drops them, as explanations and counts name it. */
export const ODD_NAME = 'not a valid name'

/** How many names are logged one by one. */
const TOLD = 10

export function createOddNames(registry: string, explain: Explain): OddNames {
  let count = 0
  const tell = (text: string, ctx: Context): void => ctx.emit({ type: 'log', level: 'warning', text })
  return {
    note(repository, tag, ctx) {
      count += 1
      const at = foreignName(repository)
      const name = foreignName(tag ?? repository)
      explain(tag === undefined ? { repository: at } : { repository: at, tag: name }, { kept: false, rule: ODD_NAME })
      if (count > TOLD) return
      const what = tag === undefined ? 'repository name' : `tag of ${at}`
      tell(`${registry} lists ${JSON.stringify(name)}, which is not a valid ${what}: it is left out`, ctx)
    },
    report(ctx) {
      if (count > TOLD) tell(`${registry} lists ${count - TOLD} more names that are not valid: they are left out`, ctx)
    },
  }
}
