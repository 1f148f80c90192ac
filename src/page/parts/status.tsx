/** How something is: its status, its time, how much of it is done, and that there is nothing. */

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { clock, relative, words } from '../format.ts'
import { useNow } from './now.ts'

const MINUTE = 60_000

export function Status({ status }: { readonly status: string }) {
  return <span class={`status ${status}`}>{words(status)}</span>
}

/** The time since or until, with the exact one behind it; it changes by itself. */
export function Ago({ time }: { readonly time: string | null | undefined }) {
  const [isRecent, recent] = useState(true)
  const now = useNow(isRecent ? 1000 : 10_000)
  const isNear = !time || Math.abs(Date.parse(time) - now) < MINUTE
  if (isNear !== isRecent) recent(isNear)
  if (!time) return <span class="dim">never</span>
  return (
    <time dateTime={time} title={clock(time)}>
      {relative(time, now)}
    </time>
  )
}

/** How much of it is done, from 0 to 1. */
export function Bar({ part, label }: { readonly part: number; readonly label: string }) {
  return <progress max={1} value={Math.min(1, Math.max(0, part))} aria-label={label} />
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}
