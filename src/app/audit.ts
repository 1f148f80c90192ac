/** Keeps in the history who did what, after it was done. */

import type { Actor, Deed } from '../core/audit.ts'
import { HistoryError } from '../core/errors.ts'
import type { Execution } from '../core/execution.ts'
import type { Again } from '../engine/run/again.ts'
import type { History } from '../history/history.ts'
import { userName } from '../process/user.ts'

/** The user of this process. */
export function shellUser(): Actor {
  return { who: userName(), role: null, origin: 'cli' }
}

/** A failure is said, and what was done stays done. */
export async function record(
  deed: Deed,
  history: () => Promise<History>,
  warn: (text: string) => void,
  actor = shellUser(),
): Promise<void> {
  try {
    const { audit } = await history()
    audit.add(actor, deed)
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    warn(`the audit log lacks that ${actor.who} ${deed.verb} ${deed.noun} ${deed.name}: ${error.message}`)
  }
}

export function startOf({ id, policy }: Pick<Execution, 'id' | 'policy'>): Deed {
  return { verb: 'started', noun: 'policy', name: policy, detail: `execution ${id}` }
}

/** `execution` is the one that goes on: of a retry a new one. */
export function againOf({ how, execution }: Again, { id, policy }: Pick<Execution, 'id' | 'policy'>): Deed {
  const detail = how === 'resume' ? policy : `${policy}, as execution ${id}`
  return { verb: how === 'resume' ? 'resumed' : 'retried', noun: 'execution', name: String(execution), detail }
}
