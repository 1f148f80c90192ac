/** Names that a registry lists and that are not valid: left out before anything is done with them, as `..` in one may lead elsewhere. */

import type { Context } from '../../core/context.ts'
import { foreignName } from '../../core/foreign.ts'
import type { Explain } from './filter.ts'

export interface OddNames {
  /** `tag`: the odd name; absent: the repository's is. The first ones are told, the rest are counted. */
  note(repository: string, tag: string | undefined, ctx: Context): void
  /** Says how many more there were, once all is listed. */
  report(ctx: Context): void
}

/** The rule that leaves them out. */
export const ODD_NAME = 'not a valid name'

/** How many are told one by one. */
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
