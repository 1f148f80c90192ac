/** Lets go of pushes that no policy has anything to do for: the images of an index are told one by one without a tag, as a signature is. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import { contentsOf } from '../../core/manifest.ts'
import type { Policy } from '../../core/policy.ts'
import type { ArtifactEvent } from '../../core/requests.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { createPulls } from '../../engine/plan/pulls.ts'
import { selectionIn } from './match.ts'

interface Untagged {
  readonly repository: string
  readonly digest: Digest
}

/** More than these are left to an execution. */
const MOST = 100
const AT_ONCE = 8

/** The artifacts that have to be looked at; undefined where their names already tell that the policy has something to do. */
export function untaggedIn(events: readonly ArtifactEvent[], policy: Policy): readonly Untagged[] | undefined {
  // They are wanted by themselves.
  if (policy.filters.untagged || selectionIn(policy).digest !== undefined || events.length > MOST) return undefined
  const untagged = events.flatMap(({ action, repository, tag, digest }) =>
    action === 'push' && tag === undefined && digest !== undefined ? [{ repository, digest }] : [],
  )
  return untagged.length === events.length ? untagged : undefined
}

/** True if none of them refers to another artifact. False also if that cannot be found out, or would spend pulls of an allowance: then the
 *  execution looks, and says what fails. */
export async function areNeedless(
  untagged: readonly Untagged[],
  open: () => Promise<Endpoint>,
  ctx: Context,
): Promise<boolean> {
  try {
    const source = await open()
    const { adapter } = source
    const pulls = createPulls(source)
    try {
      const refer = mapConcurrent(untagged, AT_ONCE, async ({ repository, digest }) => {
        const store = adapter.repository(repository)
        if (store.nameOf || !(await pulls.mayRead(repository, digest, ctx))) return true
        const manifest = await store.readManifest(digest, ctx).catch((error: unknown) => {
          if (isNotFound(error)) return undefined
          throw error
        })
        return manifest !== undefined && contentsOf(manifest).subject !== undefined
      })
      for await (const refers of refer) if (refers) return false
      return true
    } finally {
      await adapter.close?.()
    }
  } catch {
    return false
  }
}
