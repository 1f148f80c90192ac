/**
 * The streams of events of all windows on this daemon: a browser opens six connections to a host, so windows share them. One stream tells
 * everybody what happens; a few more, the progress and the log of the executions that were looked at last.
 */

/** What a window shows: an execution, and of its log one task or everything. */
export interface Subject {
  readonly execution: number
  readonly task: number | undefined
}

export interface LogLine {
  readonly id: number
  readonly time: string
  readonly level: string
  readonly task_id: number | null
  readonly text: string
}

export interface LiveEvent {
  /** `reset`: too much was missed, so that everything shown must be read anew. `log` has a list of lines of a subject. */
  readonly type: (typeof COMMON)[number] | 'progress' | 'log'
  // biome-ignore lint/suspicious/noExplicitAny: what it is depends on the type, which its reader knows
  readonly data: any
}

/** What a window hears. */
export type News =
  | { readonly say: 'event'; readonly event: LiveEvent }
  /** `crowded`: other windows were used later, and have the streams of their executions. */
  | { readonly say: 'state'; readonly connected: boolean; readonly crowded: boolean }
  | { readonly say: 'signed out' }

/** What a window says. */
export type Wish =
  | { readonly say: 'show'; readonly subject: Subject | undefined }
  | { readonly say: 'leave' }
  | { readonly say: 'sign out' }

export interface Hub {
  /** Returns what the window says from now on. */
  join(hear: (news: News) => void): (wish: Wish) => void
}

const COMMON = ['hello', 'reset', 'execution', 'registry', 'configuration', 'draining'] as const
/** Streams of executions: with the common one they leave two connections for requests. */
const MOST_SUBJECTS = 3
/** Lines of a log that are kept for a window that comes later. */
const MOST_LINES = 1000
/** Milliseconds until a stream that the browser has given up is tried again; it doubles up to the other one. */
const AGAIN = 2000
const AGAIN_MOST = 60_000
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
  let hello: LiveEvent | undefined
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
    return openStream({
      path: () => '/api/events',
      types: COMMON,
      heard(type, data) {
        // A stream that begins anew after a failure has missed what came between.
        const isReset = type === 'reset' || (type === 'hello' && failed)
        if (type === 'hello' || type === 'reset') {
          failed = false
          hello = { type: 'hello', data }
        }
        tellAll({ type: isReset ? 'reset' : type, data })
      },
      state(now) {
        if (!now) failed = true
        if (connected === now) return
        connected = now
        for (const window of windows) tellState(window)
      },
      signedOut: end,
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
    const end = openStream({
      path() {
        const after = (waiting.at(-1) ?? lines.at(-1))?.id ?? 0
        const of = task === undefined ? 'level=info' : `task=${task}`
        return `/api/events?execution=${execution}&logs=true&${of}&logs_last=${MOST_LINES}&logs_after=${after}`
      },
      types: ['progress', 'log'],
      heard(type, data) {
        if (type === 'log') {
          waiting.push(data as LogLine)
          timer ??= setTimeout(flush, GATHER)
          return
        }
        progress = { type, data }
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

  function end(): void {
    const all = [...windows]
    windows.clear()
    arrange()
    closeCommon?.()
    closeCommon = undefined
    connected = true
    for (const { hear } of all) hear({ say: 'signed out' })
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
        if (wish.say === 'sign out') end()
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

interface StreamOptions<T extends string> {
  /** Where it goes on, asked for each time that it begins. */
  path(): string
  readonly types: readonly T[]
  heard(type: T, data: unknown): void
  state(connected: boolean): void
  signedOut(): void
}

/** Comes back by itself until it is closed. */
function openStream<T extends string>({ path, types, heard, state, signedOut }: StreamOptions<T>): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let wait = AGAIN
  let isClosed = false

  function begin(): void {
    const own = new EventSource(path())
    source = own
    own.onopen = () => {
      wait = AGAIN
      state(true)
    }
    own.onerror = () => {
      if (isClosed) return
      state(false)
      // The browser tries again by itself unless it was refused.
      if (own.readyState !== EventSource.CLOSED) return
      timer = setTimeout(again, wait)
      wait = Math.min(wait * 2, AGAIN_MOST)
    }
    for (const type of types) {
      own.addEventListener(type, (message) => {
        if (!isClosed) heard(type, JSON.parse((message as MessageEvent).data))
      })
    }
  }

  async function again(): Promise<void> {
    const answer = await fetch('/api/session').catch(() => undefined)
    if (isClosed) return
    if (answer?.status === 401) return signedOut()
    begin()
  }

  begin()
  return () => {
    isClosed = true
    clearTimeout(timer)
    source?.close()
  }
}
