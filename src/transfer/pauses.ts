/** What a long pause means for a blob: its connections are let go, and it is continued where it stood. */

import { type Checkpoint, SMALL_BLOB } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { IntegrityError } from '../core/errors.ts'
import type { Gate } from '../core/gate.ts'
import type { OpenRepository } from './job.ts'

/** A context whose signal fires with a `PausedError`, too, once a pause is too long for the connection. A small blob has ended by then, and a
 *  file does not mind waiting. */
export function lettingGo(
  { wire }: Pick<OpenRepository, 'wire'>,
  act: keyof Gate['letGo'],
  { size }: Descriptor,
  ctx: Context,
): Context {
  if (!ctx.gate || !wire || size <= SMALL_BLOB) return ctx
  return { ...ctx, signal: AbortSignal.any([ctx.signal, ctx.gate.letGo[act]]) }
}

/** Does `work` again after each pause in which its connections were let go; `onLetGo` is called before the wait. */
export async function acrossPauses<T>(work: () => Promise<T>, ctx: Context, onLetGo: () => void): Promise<T> {
  for (;;) {
    const letGo = ctx.gate?.letGo.writing
    try {
      return await work()
    } catch (error) {
      if (!letGo?.aborted || ctx.signal.aborted || error instanceof IntegrityError) throw error
      onLetGo()
      await ctx.gate?.pass(ctx.signal)
    }
  }
}

/** What is remembered of an upload while it lasts; where `kept` is given, beyond that. */
export function keeping(kept: Checkpoint | undefined): Kept {
  let state: string | undefined
  let confirmed = 0
  return {
    get offset() {
      return confirmed
    },
    load: () => state ?? kept?.load(),
    save(current, offset) {
      state = current
      confirmed = offset
      kept?.save(current, offset)
    },
    clear() {
      state = undefined
      confirmed = 0
      kept?.clear()
    },
  }
}

export interface Kept extends Checkpoint {
  /** How many bytes the store has said that it has. */
  readonly offset: number
}
