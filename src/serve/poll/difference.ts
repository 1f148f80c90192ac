/** What has changed in one repository since the last look at it, as the events that a registry would send. */

import type { RegistryEvent } from '../../core/adapter.ts'
import type { Context } from '../../core/context.ts'
import { type Digest, parseDigest } from '../../core/descriptor.ts'
import type { Look, Selected } from '../../engine/list/look.ts'
import type { PollChange } from '../../history/history.ts'

/** A change of the snapshot, and what it means. */
export interface Difference {
  readonly change: PollChange
  /** Absent for an artifact that has only left the selection: nothing has happened to it. */
  readonly event?: RegistryEvent
}

/** `before`: what the last look saw. Yields nothing for an empty list where there was something: that is more often a fault than the truth. */
export async function* differences(
  repository: string,
  before: ReadonlyMap<string, Digest>,
  now: Selected,
  look: Look,
  ctx: Context,
): AsyncIterable<Difference> {
  if (now.isEmpty && before.size > 0) return
  const pushed = [...now.artifacts].filter(([name, digest]) => before.get(name) !== digest)
  const missing = [...before.keys()].filter((name) => !now.artifacts.has(name) && !now.failures.has(name))
  if (pushed.length === 0 && missing.length === 0) return
  const newest = await look.newest(repository, ctx)
  for (const [name, digest] of pushed) {
    const isNews = (newest?.has(name) ?? true) && (await look.isOfType(repository, digest, ctx))
    yield { change: { repository, name, digest }, ...(isNews ? { event: pushOf(repository, name, digest) } : {}) }
  }
  let isLess = false
  for (const name of missing) {
    const change: PollChange = { repository, name }
    // A list may lack what is there.
    if (now.left.has(name)) yield { change }
    else if (!now.exists || !(await look.has(repository, name, ctx))) {
      isLess = true
      const digest = before.get(name)
      const event: RegistryEvent = {
        action: 'delete',
        repository,
        ...(parseDigest(name) ? {} : { tag: name }),
        ...(digest === undefined ? {} : { digest }),
      }
      yield { change, event }
    } else if (parseDigest(name)) yield { change }
  }
  // Where one of the newest is gone, another one is among them now.
  for (const name of isLess ? (newest ?? []) : []) {
    const digest = now.artifacts.get(name)
    if (digest !== undefined && before.get(name) === digest) {
      yield { change: { repository, name, digest }, event: pushOf(repository, name, digest) }
    }
  }
}

function pushOf(repository: string, name: string, digest: Digest): RegistryEvent {
  return { action: 'push', repository, ...(parseDigest(name) ? {} : { tag: name }), digest }
}
