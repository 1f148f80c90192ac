/** What has just been done, or was not. */

import { useEffect, useState } from 'preact/hooks'
import { Refused } from '../api.ts'

interface Toast {
  readonly id: number
  readonly text: string
  readonly isError: boolean
}

/** Milliseconds. */
const SHOWN = 6000

let show = (_toast: Toast): void => {}
let count = 0

export function say(text: string, isError = false): void {
  count += 1
  show({ id: count, text, isError })
}

/** Does it, and says what was refused. True where it was done. */
export async function tried(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    const hint = error instanceof Refused && error.problem.hint ? ` — ${error.problem.hint}` : ''
    say(`${error instanceof Error ? error.message : String(error)}${hint}`, true)
    return false
  }
}

export function Toasts() {
  const [toasts, set] = useState<readonly Toast[]>([])
  useEffect(() => {
    show = (toast) => {
      set((all) => [...all.slice(-3), toast])
      setTimeout(() => set((all) => all.filter(({ id }) => id !== toast.id)), SHOWN)
    }
  }, [])
  return (
    <div class="toasts" role="status">
      {toasts.map(({ id, text, isError }) => (
        <p key={id} class={isError ? 'bad' : undefined}>
          {text}
        </p>
      ))}
    </div>
  )
}
