/** What both kinds of ECR have in common where a repository is created. */

import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { OptionValue } from '../../src/core/registry.ts'
import { isDenied } from './images.ts'

/** Twice is fine; who may not create may still push to one that is there. */
export async function created(creation: Promise<unknown>, ctx: Context): Promise<void> {
  try {
    await creation
  } catch (error) {
    if (error instanceof RegistryError && error.status === 409) return
    if (!isDenied(error)) throw error
    const hint = error.hint ? `; ${error.hint}` : ''
    ctx.emit({ type: 'log', level: 'warning', text: `${error.message}; the push is tried all the same${hint}` })
  }
}

/** The option `tags`, as AWS writes it. */
export function tagsOf({ tags }: Readonly<Record<string, OptionValue>>): { Key: string; Value: string }[] {
  const named = z.record(z.string(), z.string()).safeParse(tags).data ?? {}
  return Object.entries(named).map(([Key, Value]) => ({ Key, Value }))
}
