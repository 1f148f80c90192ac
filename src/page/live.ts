/** What happens, as the daemon tells it: one stream for the whole page, which comes back by itself. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { get } from './api.ts'

export interface LiveEvent {
  /** `reset`: too much was missed, so that everything shown must be read anew. */
  readonly type: 'hello' | 'reset' | 'execution' | 'registry' | 'configuration' | 'draining' | 'progress'
  // biome-ignore lint/suspicious/noExplicitAny: what it is depends on the type, which its reader knows
  readonly data: any
}

const TYPES = ['hello', 'reset', 'execution', 'registry', 'configuration', 'draining', 'progress'] as const
/** Milliseconds until a stream that the browser has given up is tried again. */
const AGAIN = 2000

type Listener = (event: LiveEvent) => void

const listeners = new Set<Listener>()
const states = new Set<(connected: boolean) => void>()
let source: EventSource | undefined
let isConnected = true
let watched: number | undefined
let timer: number | undefined
let failed = false

function tellState(connected: boolean): void {
  isConnected = connected
  for (const state of states) state(connected)
}

/** Begins, or begins again for another execution. */
function open(): void {
  close()
  source = new EventSource(watched === undefined ? '/api/events' : `/api/events?execution=${watched}`)
  const own = source
  own.onopen = () => tellState(true)
  own.onerror = () => {
    tellState(false)
    failed = true
    // The browser tries again by itself unless it was refused.
    if (own.readyState !== EventSource.CLOSED) return
    clearTimeout(timer)
    timer = window.setTimeout(() => {
      if (source !== own) return
      // Says it where the session has ended.
      get('/session').then(open, open)
    }, AGAIN)
  }
  for (const type of TYPES) {
    own.addEventListener(type, (message) => {
      const data = JSON.parse((message as MessageEvent).data)
      // A stream that begins anew after a failure has missed what came between.
      const isReset = type === 'reset' || (type === 'hello' && failed)
      if (type === 'hello' || type === 'reset') failed = false
      for (const listener of listeners) listener({ type: isReset ? 'reset' : type, data })
    })
  }
}

export function close(): void {
  clearTimeout(timer)
  source?.close()
  source = undefined
}

export function start(): void {
  if (!source) open()
}

export function useConnected(): boolean {
  const [connected, set] = useState(isConnected)
  useEffect(() => {
    states.add(set)
    return () => void states.delete(set)
  }, [])
  return connected
}

/** Calls `heard` with each event while the component is shown; the last one counts. */
export function useLive(heard: Listener): void {
  const last = useRef(heard)
  last.current = heard
  useEffect(() => {
    const listener: Listener = (event) => last.current(event)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }, [])
}

/** Hears also `progress` of this execution while the component is shown. */
export function useWatched(execution: number): void {
  useEffect(() => {
    watched = execution
    failed = true
    open()
    return () => {
      watched = undefined
      failed = true
      open()
    }
  }, [execution])
}
