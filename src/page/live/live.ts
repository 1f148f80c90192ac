/** What happens, as the daemon tells it. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { LiveEvent, Subject } from './events.ts'
import { createHub, type News, type Wish } from './hub.ts'

type Listener = (event: LiveEvent) => void

interface State {
  readonly connected: boolean
  readonly crowded: boolean
}

const listeners = new Set<Listener>()
const states = new Set<(state: State) => void>()
let state: State = { connected: true, crowded: false }
let subject: Subject | undefined
let say: ((wish: Wish) => void) | undefined
let signedOut = (_expired: boolean): void => {}
/** How far the daemon's clock is ahead of the one here, in milliseconds. */
let ahead = 0

/** Called where the session has ended, here or in another window; `expired`: not by a user. */
export function onSignedOut(callback: (expired: boolean) => void): void {
  signedOut = callback
}

/** Milliseconds since 1970 by the daemon's clock. */
export function daemonNow(): number {
  return Date.now() + ahead
}

function hear(news: News): void {
  if (news.say === 'signed out') {
    say = undefined
    signedOut(news.expired)
    return
  }
  if (news.say === 'state') {
    state = news
    for (const tell of states) tell(state)
    return
  }
  const { event } = news
  if (event.type === 'hello' || event.type === 'reset') ahead = aheadOf(event.data.time)
  tell(event)
}

function tell(event: LiveEvent): void {
  for (const listener of listeners) listener(event)
}

/** Clocks that differ by less than a message may take are the same. */
function aheadOf(time: string): number {
  const by = Date.parse(time) - Date.now()
  return Math.abs(by) < 2000 ? 0 : by
}

function joined(): (wish: Wish) => void {
  if (typeof SharedWorker === 'undefined') return createHub().join(hear)
  const { port } = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'replicate' })
  port.onmessage = ({ data }: MessageEvent<News>) => hear(data)
  return (wish) => port.postMessage(wish)
}

export function start(): void {
  if (say) return
  say = joined()
  show(subject)
}

/** For all windows: each is told that it is. `expired`: the daemon has said so. */
export function signOut(expired = false): void {
  if (say) say({ say: 'sign out', expired })
  else signedOut(expired)
}

/** All that is shown is read anew. */
export function refresh(): void {
  tell({ type: 'reset', data: { version: '', time: new Date(daemonNow()).toISOString() } })
}

function show(now: Subject | undefined): void {
  subject = now
  say?.({ say: 'show', subject })
}

addEventListener('pagehide', () => {
  say?.({ say: 'leave' })
  say = undefined
})
addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return
  start()
  refresh()
})
// The window that is used has the progress of its execution.
addEventListener('focus', () => {
  if (subject && state.crowded) show(subject)
})

export function useStream(): State {
  const [now, set] = useState(state)
  useEffect(() => {
    states.add(set)
    return () => void states.delete(set)
  }, [])
  return now
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

/** Hears also `progress` and `log` of this execution, of one of its tasks where one is named, while the component is shown. */
export function useSubject({ execution, task }: Subject): void {
  useEffect(() => {
    show({ execution, task })
    return () => show(undefined)
  }, [execution, task])
}
