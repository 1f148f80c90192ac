/** Creates what others may be creating at the same time. */

import { sleep } from '../src/core/cancel.ts'
import type { Context } from '../src/core/context.ts'
import { RegistryError } from '../src/core/errors.ts'

/** How often what somebody else has just created is looked for, and the milliseconds between. */
const LOOKS = 4
const PAUSE = 250

/** Looks, creates, and where that is refused looks again: APIs refuse what exists by codes that differ, and may show it late. True where it
 *  was created here. Throws the refusal where it does not exist then either. */
export async function ensured(
  exists: (ctx: Context) => Promise<boolean>,
  create: (ctx: Context) => Promise<unknown>,
  ctx: Context,
): Promise<boolean> {
  if (await exists(ctx)) return false
  try {
    await create(ctx)
    return true
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status === 403) throw error
    for (let look = 1; look <= LOOKS; look += 1) {
      if (await exists(ctx)) return false
      await sleep(PAUSE, ctx.signal)
    }
    throw error
  }
}
