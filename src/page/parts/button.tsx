/** A button that is busy while it works. */

import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

interface ButtonProps {
  readonly children: ComponentChildren
  readonly onClick: () => unknown
  readonly kind?: 'primary' | 'danger' | 'plain'
  /** Why it cannot be used now. */
  readonly not?: string | undefined
  readonly label?: string
  /** Enter in a field of its form does it, too. */
  readonly submits?: boolean
}

export function Button({ children, onClick, kind = 'plain', not, label, submits = false }: ButtonProps) {
  const [busy, setBusy] = useState(false)
  const alive = useAlive()
  return (
    <button
      type={submits ? 'submit' : 'button'}
      class={kind}
      title={not}
      aria-label={label}
      disabled={busy || not !== undefined}
      onClick={async (event) => {
        event.preventDefault()
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
