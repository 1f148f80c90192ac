/** One thing of a file as it is shown, and as it is changed. */

import { useState } from 'preact/hooks'
import type { LiveEvent } from '../live/events.ts'
import { useLive } from '../live/live.ts'
import { type Read, useRead } from '../parts/data.ts'
import { focusMain } from '../route.tsx'

export interface Editable<T> extends Pick<Read<T>, 'again' | 'error'> {
  /** Undefined before the first answer. */
  readonly one: T | undefined
  /** Of its file. */
  readonly etag: string | undefined
  readonly isEditing: boolean
  edit(): void
  /** It is saved, or left as it was. */
  done(): void
}

/** `path` below /api; it is read again with its file, and on events of `also`. */
export function useEditable<T>(path: string, also?: LiveEvent['type']): Editable<T> {
  const { answer, error, again } = useRead<T>(path)
  const [isEditing, edit] = useState(false)
  useLive(({ type }) => {
    if (type === 'reset' || type === 'configuration' || type === also) again()
  })
  const show = (editing: boolean): void => {
    edit(editing)
    // What was pressed is gone.
    focusMain()
  }
  return {
    one: answer?.body,
    etag: answer?.etag,
    error,
    again,
    isEditing,
    edit: () => show(true),
    done() {
      show(false)
      again()
    },
  }
}
