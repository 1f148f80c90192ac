/** Addresses of the page, and links between them. */

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'

const moved = new Set<() => void>()

export function go(path: string, replace = false): void {
  if (replace) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  for (const hear of moved) hear()
  if (!replace) window.scrollTo(0, 0)
}

/** The path and query in the address, as it is now. */
export function useAddress(): URL {
  const [, set] = useState(0)
  useEffect(() => {
    const hear = (): void => set((count) => count + 1)
    moved.add(hear)
    window.addEventListener('popstate', hear)
    return () => {
      moved.delete(hear)
      window.removeEventListener('popstate', hear)
    }
  }, [])
  return new URL(location.href)
}

/** What the window is called. */
export function useTitle(text: string): void {
  useEffect(() => {
    document.title = `${text} · replicate`
  }, [text])
}

/** Where a screen begins. */
export function focusMain(): void {
  document.getElementById('main')?.focus({ preventScroll: true })
}

interface LinkProps {
  readonly to: string
  readonly children: ComponentChildren
  readonly class?: string | undefined
  readonly current?: boolean
}

export function Link({ to, children, class: name, current = false }: LinkProps) {
  return (
    <a
      href={to}
      class={name}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        go(to)
      }}
    >
      {children}
    </a>
  )
}
