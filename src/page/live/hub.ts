/**
 * The streams of events of all windows on this daemon: a browser opens six connections to a host, so windows share them. One stream tells
 * everybody what happens; a few more, the progress and the log of the executions that were looked at last.
 */

import type { CommonData, CommonEvent, LiveEvent, LogLine, Subject, SubjectData } from './events.ts'
import { openStream } from './stream.ts'

/** What a window hears. */
export type News =
  | { readonly say: 'event'; readonly event: LiveEvent }
  /** `crowded`: other windows were used later, and have the streams of their executions. */
  | { readonly say: 'state'; readonly connected: boolean; readonly crowded: boolean }
  /** `expired`: not by a user, who may want to go on where it was. */
  | { readonly say: 'signed out'; readonly expired: boolean }

/** What a window says. */
export type Wish =
  | { readonly say: 'show'; readonly subject: Subject | undefined }
  | { readonly say: 'leave' }
  | { readonly say: 'sign out'; readonly expired: boolean }

export interface Hub {
  /** Returns what the window says from now on. */
  join(hear: (news: News) => void): (wish: Wish) => void
}

const COMMON = [
  'hello',
  'reset',
  'execution',
  'registry',
  'configuration',
  'draining',
] as const satisfies readonly (keyof CommonData)[]
/** Streams of executions: with the common one they leave two connections for requests. */
const MOST_SUBJECTS = 3
/** Lines of a log that are kept for a window that comes later. */
const MOST_LINES = 1000
/** Milliseconds for which lines are collected. */
const GATHER = 100

interface Window {
  readonly hear: (news: News) => void
  subject: Subject | undefined
  /** Counts up with each use. */
  used: number
}

interface SubjectStream {
  readonly lines: readonly LogLine[]
  readonly progress: LiveEvent | undefined
  close(): void
}

export function createHub(): Hub {
  const windows = new Set<Window>()
  const subjects = new Map<string, SubjectStream>()
  let uses = 0
  let connected = true
  let hello: CommonEvent | undefined
  let closeCommon: (() => void) | undefined

  const tellAll = (event: LiveEvent): void => {
    for (const { hear } of windows) hear({ say: 'event', event })
  }
  const tellState = (window: Window): void => {
    const crowded = window.subject !== undefined && !subjects.has(keyOf(window.subject))
    window.hear({ say: 'state', connected, crowded })
  }

  function openCommon(): () => void {
    let failed = false
    return openStream<CommonData>({
      path: () => '/api/events',
      types: COMMON,
      heard(event) {
        if (event.type !== 'hello' && event.type !== 'reset') return tellAll(event)
        // A stream that begins anew after a failure has missed what came between.
        const type = failed ? 'reset' : event.type
        failed = false
        hello = { type: 'hello', data: event.data }
        tellAll({ type, data: event.data })
      },
      state(now) {
        if (!now) failed = true
        if (connected === now) return
        connected = now
        for (const window of windows) tellState(window)
      },
      signedOut: () => end(true),
    })
  }

  function openSubject(subject: Subject): SubjectStream {
    const key = keyOf(subject)
    let lines: readonly LogLine[] = []
    let progress: LiveEvent | undefined
    let waiting: LogLine[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    const tell = (event: LiveEvent): void => {
      for (const one of windows) if (one.subject && keyOf(one.subject) === key) one.hear({ say: 'event', event })
    }
    const flush = (): void => {
      const more = waiting.slice(-MOST_LINES)
      waiting = []
      timer = undefined
      lines = [...lines, ...more].slice(-MOST_LINES)
      tell({ type: 'log', data: { subject, lines: more } })
    }
    const { execution, task } = subject
    const end = openStream<SubjectData>({
      path() {
        const after = (waiting.at(-1) ?? lines.at(-1))?.id ?? 0
        const of = task === undefined ? 'level=info' : `task=${task}`
        return `/api/events?execution=${execution}&logs=true&${of}&logs_last=${MOST_LINES}&logs_after=${after}`
      },
      types: ['progress', 'log'],
      heard(event) {
        if (event.type === 'log') {
          waiting.push(event.data)
          timer ??= setTimeout(flush, GATHER)
          return
        }
        progress = event
        tell(progress)
      },
      state: () => {},
      signedOut: () => {},
    })
    return {
      get lines() {
        return lines
      },
      get progress() {
        return progress
      },
      close() {
        clearTimeout(timer)
        end()
      },
    }
  }

  /** Opens and closes streams, so that there are those of the windows that were used last. */
  function arrange(): void {
    const wanted = new Map<string, Subject>()
    for (const { subject } of [...windows].sort((a, b) => b.used - a.used)) {
      if (subject && wanted.size < MOST_SUBJECTS) wanted.set(keyOf(subject), subject)
    }
    for (const [key, stream] of subjects) {
      if (wanted.has(key)) continue
      stream.close()
      subjects.delete(key)
    }
    for (const [key, subject] of wanted) if (!subjects.has(key)) subjects.set(key, openSubject(subject))
    if (windows.size > 0) closeCommon ??= openCommon()
    for (const window of windows) tellState(window)
  }

  function end(expired: boolean): void {
    const all = [...windows]
    windows.clear()
    arrange()
    closeCommon?.()
    closeCommon = undefined
    connected = true
    for (const { hear } of all) hear({ say: 'signed out', expired })
  }

  function show(window: Window, subject: Subject | undefined): void {
    const isNew = subject !== undefined && (!window.subject || keyOf(window.subject) !== keyOf(subject))
    window.subject = subject
    uses += 1
    window.used = uses
    const before = subject && subjects.get(keyOf(subject))
    arrange()
    if (!isNew || !before) return
    // What the stream has told already.
    if (before.progress) window.hear({ say: 'event', event: before.progress })
    window.hear({ say: 'event', event: { type: 'log', data: { subject, lines: before.lines } } })
  }

  return {
    join(hear) {
      const window: Window = { hear, subject: undefined, used: 0 }
      windows.add(window)
      if (hello) hear({ say: 'event', event: hello })
      arrange()
      return (wish) => {
        if (wish.say === 'sign out') end(wish.expired)
        else if (!windows.has(window)) return
        else if (wish.say === 'show') show(window, wish.subject)
        else {
          windows.delete(window)
          arrange()
          if (windows.size > 0) return
          closeCommon?.()
          closeCommon = undefined
        }
      }
    },
  }
}

function keyOf({ execution, task }: Subject): string {
  return `${execution}/${task ?? ''}`
}
