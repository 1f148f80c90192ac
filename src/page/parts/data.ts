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

/** Rows of one request, the most that the API allows. */
const PAGE = 100
/** Requests for one list. */
const MOST_PAGES = 100

/** All rows of a list, page after page as they come; undefined before the first. */
export function useAll<T>(path: string): { readonly rows: readonly T[] | undefined; readonly again: () => void } {
  const [rows, setRows] = useState<readonly T[]>()
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const end = new AbortController()
    async function read(): Promise<void> {
      const found: T[] = []
      for (let page = 1; page <= MOST_PAGES; page += 1) {
        const { body, total } = await ask<readonly T[]>('GET', `${path}?page=${page}&page_size=${PAGE}`, {
          signal: end.signal,
        })
        found.push(...body)
        // What was shown stays until all of it is there.
        if (page === 1) setRows((before) => (before === undefined || total <= PAGE ? [...found] : before))
        if (found.length >= total || body.length === 0) break
      }
      setRows(found)
    }
    // A list that cannot be read is told by the one that the screen is about.
    read().catch(() => {})
    return () => end.abort()
  }, [path, turn])
  return { rows, again: useCallback(() => setTurn((count) => count + 1), []) }
}
