/** The time by the daemon's clock, for what grows by itself: one timer for all that grow alike. */

import { useEffect, useState } from 'preact/hooks'
import { daemonNow } from '../live/live.ts'

interface Ticker {
  readonly heard: Set<(now: number) => void>
  readonly timer: ReturnType<typeof setInterval>
}

const tickers = new Map<number, Ticker>()

/** Milliseconds since 1970, again after each `interval`; undefined: it stands still. */
export function useNow(interval: number | undefined): number {
  const [now, set] = useState(daemonNow())
  useEffect(() => (interval === undefined ? undefined : listen(interval, set)), [interval])
  return now
}

function listen(interval: number, hear: (now: number) => void): () => void {
  const ticker = tickers.get(interval) ?? begin(interval)
  ticker.heard.add(hear)
  return () => {
    ticker.heard.delete(hear)
    if (ticker.heard.size > 0) return
    clearInterval(ticker.timer)
    tickers.delete(interval)
  }
}

function begin(interval: number): Ticker {
  const heard = new Set<(now: number) => void>()
  const timer = setInterval(() => {
    const now = daemonNow()
    for (const hear of heard) hear(now)
  }, interval)
  const ticker = { heard, timer }
  tickers.set(interval, ticker)
  return ticker
}
