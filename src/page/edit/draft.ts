/** What an edit would write, asked of the API a moment after the last key. */

import { useEffect, useState } from 'preact/hooks'
import type { Draft } from '../../serve/api/schema/definition.ts'
import { ask } from '../api.ts'

export interface Drafting {
  /** The last one that was right; undefined before that. */
  readonly draft: Draft | undefined
  /** What is wrong with the present one. */
  readonly error: unknown
  /** The answer is of what is typed now. */
  readonly isCurrent: boolean
}

/** Milliseconds without a key. */
export const QUIET = 500

/** `body` as JSON; undefined: there is nothing to ask about yet. Nothing is written. */
export function useDraft(method: 'POST' | 'PUT', path: string, body: string | undefined): Drafting {
  const [answer, setAnswer] = useState<{ readonly of: string; readonly draft?: Draft; readonly error?: unknown }>()
  const [draft, setDraft] = useState<Draft>()
  useEffect(() => {
    if (body === undefined) return
    const end = new AbortController()
    const timer = setTimeout(() => {
      ask<Draft>(method, `${path}?dry_run=true`, { body: JSON.parse(body), signal: end.signal }).then(
        ({ body: now }) => {
          if (end.signal.aborted) return
          setAnswer({ of: body })
          setDraft(now)
        },
        (error) => {
          if (!end.signal.aborted) setAnswer({ of: body, error })
        },
      )
    }, QUIET)
    return () => {
      clearTimeout(timer)
      end.abort()
    }
  }, [method, path, body])
  const isCurrent = answer !== undefined && answer.of === body
  return { draft, error: isCurrent ? answer.error : undefined, isCurrent }
}
