/** How something is: its status, its time, how much of it is done, and that there is nothing. */

import type { ComponentChildren } from 'preact'
import { clock, relative, words } from '../format.ts'
import { useNow } from './now.ts'

export function Status({ status }: { readonly status: string }) {
  return <span class={`status ${status}`}>{words(status)}</span>
}

export function Ago({ time }: { readonly time: string | null | undefined }) {
  const now = useNow(10_000)
  if (!time) return <span class="dim">never</span>
  return (
    <time dateTime={time} title={clock(time)}>
      {relative(time, now)}
    </time>
  )
}

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
