/** One stream of events that comes back by itself. */

/** Milliseconds until a stream that the browser has given up is tried again; it doubles up to the other one. */
const AGAIN = 2000
const AGAIN_MOST = 60_000

/** One of the types of a stream, with what it brings. */
export type StreamEvent<Data> = {
  readonly [T in keyof Data & string]: { readonly type: T; readonly data: Data[T] }
}[keyof Data & string]

interface StreamOptions<Data> {
  /** Where it goes on, asked for each time that it begins. */
  path(): string
  readonly types: readonly (keyof Data & string)[]
  heard(event: StreamEvent<Data>): void
  state(connected: boolean): void
  signedOut(): void
}

/** Comes back by itself until it is closed. */
export function openStream<Data>({ path, types, heard, state, signedOut }: StreamOptions<Data>): () => void {
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
        // The daemon that the page is of has written it.
        if (!isClosed) heard({ type, data: JSON.parse((message as MessageEvent).data) } as StreamEvent<Data>)
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
