/** What an edit began from, and what becomes of it when somebody else is faster. */

import { useRef, useState } from 'preact/hooks'
import { ask, Refused } from '../api.ts'
import { useLive } from '../live/live.ts'
import { type Definition, merged, same } from './merge.ts'

interface Detail {
  readonly definition: Definition | null
}

export interface Base {
  /** What the file had when it was read. */
  readonly definition: Definition
  /** What it has now, where that is something else. */
  readonly theirs: Definition | undefined
  /** Writes it unless it has changed meanwhile; `theirs` is set then, and the answer is false. Throws a `Refused`. */
  save(body: object): Promise<boolean>
  /** Both changes in one; from now on the edit begins from theirs. */
  rebase(mine: Definition): Definition
}

/** `path` undefined: it is a new one. */
export function useBase(path: string | undefined, before: Definition, etag: string | undefined): Base {
  const [base, show] = useState({ definition: before, etag })
  /** The same, also for an answer that was asked for before it changed. */
  const current = useRef(base)
  const setBase = (next: typeof base): void => {
    current.current = next
    show(next)
  }
  const [theirs, setTheirs] = useState<{ readonly definition: Definition; readonly etag: string | undefined }>()

  /** True where only other parts of the file have changed: the edit goes on. */
  async function look(): Promise<string | undefined | false> {
    if (path === undefined) return false
    const { body, etag: now } = await ask<Detail>('GET', path)
    const definition = body.definition ?? {}
    const began = current.current.definition
    if (same(definition, began)) {
      setTheirs(undefined)
      setBase({ definition: began, etag: now })
      return now
    }
    setTheirs({ definition, etag: now })
    return false
  }

  useLive(({ type }) => {
    if (type === 'configuration' || type === 'reset') look().catch(() => {})
  })

  return {
    definition: base.definition,
    theirs: theirs?.definition,
    async save(body) {
      if (path === undefined) return true
      try {
        await ask('PUT', path, { body, ifMatch: current.current.etag })
        return true
      } catch (error) {
        if (!(error instanceof Refused && error.problem.status === 412)) throw error
        const now = await look()
        if (now === false) return false
        await ask('PUT', path, { body, ifMatch: now })
        return true
      }
    },
    rebase(mine) {
      if (!theirs) return mine
      const began = current.current.definition
      setBase(theirs)
      setTheirs(undefined)
      return merged(began, mine, theirs.definition)
    },
  }
}
