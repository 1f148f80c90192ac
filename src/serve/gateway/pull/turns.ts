/** Blobs that several pulls bring to one registry: one brings each, the others wait, and find it there or mount it. */

import type { Audience } from '../../../core/audience.ts'
import type { Digest } from '../../../core/descriptor.ts'
import { unlessAborted } from './waiting.ts'

interface Turn {
  /** A client of another pull waits for it. */
  readonly want: (digest: Digest) => void
  readonly over: Promise<void>
  /** Where it is, once it is. */
  home?: string
}

/** Shared by all pulls. */
export class Turns {
  /** By registry and digest: those that are being brought. */
  readonly #turns = new Map<string, Turn>()

  /** As `Audience.alone`. `wanted` is aborted once a client of this pull waits for it, and `want` is called where one of another pull does. */
  async take(
    [blob, { registry, repository }, ctx, waiting, bring]: Parameters<Audience['alone']>,
    wanted: AbortSignal,
    want: (digest: Digest) => void,
  ): Promise<void> {
    const key = `${registry} ${blob.digest}`
    let before: Turn | undefined
    for (let turn = this.#turns.get(key); turn; turn = this.#turns.get(key)) {
      before = turn
      waiting()
      const { want: pass } = turn
      const onWanted = (): void => pass(blob.digest)
      if (wanted.aborted) onWanted()
      else wanted.addEventListener('abort', onWanted, { once: true })
      await unlessAborted(turn.over, ctx.signal).finally(() => wanted.removeEventListener('abort', onWanted))
    }
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const mine: Turn = { want, over }
    this.#turns.set(key, mine)
    try {
      await bring(ctx, { waited: before !== undefined, ...(before?.home === undefined ? {} : { home: before.home }) })
      mine.home = repository
    } finally {
      this.#turns.delete(key)
      resolve()
    }
  }
}
