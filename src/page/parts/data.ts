/** What a screen reads from the API, and reads again. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { type Answer, ask } from '../api.ts'

export interface Read<T> {
  /** Undefined before the first answer. */
  readonly answer: Answer<T> | undefined
  readonly error: unknown
  readonly again: () => void
  /** Changes what is shown, until it is read again. */
  readonly patch: (change: (body: T) => T) => void
}

/** Milliseconds between two readings that events ask for. */
const LEAST = 1000

/** `path` undefined: nothing yet. What was shown stays until the next answer. */
export function useRead<T>(path: string | undefined): Read<T> {
  const [answer, setAnswer] = useState<Answer<T>>()
  const [error, setError] = useState<unknown>()
  const [turn, setTurn] = useState(0)
  const waiting = useRef<number | undefined>(undefined)
  const began = useRef(0)

  useEffect(() => {
    if (path === undefined) return
    const end = new AbortController()
    began.current = Date.now()
    ask<T>('GET', path, { signal: end.signal }).then(
      (now) => {
        if (end.signal.aborted) return
        setAnswer(now)
        setError(undefined)
      },
      (failure) => {
        if (!end.signal.aborted) setError(failure)
      },
    )
    return () => end.abort()
  }, [path, turn])
  useEffect(() => () => clearTimeout(waiting.current), [])

  const again = useCallback(() => {
    clearTimeout(waiting.current)
    const wait = Math.max(0, began.current + LEAST - Date.now())
    waiting.current = window.setTimeout(() => setTurn((count) => count + 1), wait)
  }, [])
  const patch = useCallback((change: (body: T) => T) => {
    setAnswer((now) => now && { ...now, body: change(now.body) })
  }, [])
  return { answer, error, again, patch }
}
