/** A button that is busy while it works. */

import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

interface ButtonProps {
  readonly children: ComponentChildren
  readonly onClick: () => unknown
  readonly kind?: 'primary' | 'danger' | 'plain'
  /** In a row of a table. */
  readonly small?: boolean
  /** Why it cannot be used now. */
  readonly not?: string | undefined
  readonly label?: string
  /** Enter in a field of its form does it, too. */
  readonly submits?: boolean
}

/** Busy until what it does has ended: it stays where the focus is, and does nothing more meanwhile. */
export function Button({ children, onClick, kind = 'plain', small = false, not, label, submits = false }: ButtonProps) {
  const [busy, setBusy] = useState(false)
  const alive = useAlive()
  return (
    <button
      type={submits ? 'submit' : 'button'}
      class={small ? `${kind} small` : kind}
      title={not}
      aria-label={label}
      disabled={not !== undefined}
      aria-disabled={busy ? true : undefined}
      onClick={async (event) => {
        event.preventDefault()
        if (busy) return
        setBusy(true)
        try {
          await onClick()
        } finally {
          if (alive.current) setBusy(false)
        }
      }}
    >
      {children}
    </button>
  )
}

export function useAlive(): { readonly current: boolean } {
  const alive = useRef(true)
  useEffect(() => {
    alive.current = true
    return () => {
      alive.current = false
    }
  }, [])
  return alive
}
