/** A question that has to be answered first. */

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface DialogProps {
  readonly title: string
  /** Undefined: it goes only with what it asks for. */
  readonly onClose?: () => void
  /** Nothing of what is behind it can be seen. */
  readonly hides?: boolean
  readonly children: ComponentChildren
}

/** Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, hides = false, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    ref.current?.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      class={hides ? 'hides' : undefined}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose?.()
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}
