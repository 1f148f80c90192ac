/** Says aloud what becomes of executions, for those who do not see it: how each ends, and that it waits or goes on. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { Execution } from '../../serve/api/schema/execution.ts'
import { plural, words } from '../format.ts'
import { useLive } from '../live/live.ts'

/** Milliseconds for which changes are gathered into one sentence. */
const GATHER = 1500
/** Executions that are named; of more only their number is said. */
const NAMED = 2
/** Executions whose status is remembered. */
const KNOWN = 200

export function Announcer() {
  const [text, say] = useState('')
  const known = useRef(new Map<number, string>())
  const changed = useRef(new Map<number, Execution>())
  const timer = useRef<number | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  useLive((event) => {
    if (event.type !== 'execution') return
    const { id, status } = event.data
    if (known.current.get(id) === status) return
    known.current.delete(id)
    known.current.set(id, status)
    for (const old of known.current.keys()) if (known.current.size > KNOWN) known.current.delete(old)
    changed.current.set(id, event.data)
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined
      say(sentenceOf([...changed.current.values()]))
      changed.current.clear()
    }, GATHER)
  })
  return (
    <p class="spoken" role="status">
      {text}
    </p>
  )
}

function sentenceOf(executions: readonly Execution[]): string {
  if (executions.length > NAMED) return `${plural(executions.length, 'execution')} have another status`
  return executions
    .map(({ id, policy, status, failed }) => {
      const count = failed > 0 ? `, ${plural(failed, 'task')} failed` : ''
      return `execution ${id} of ${policy}: ${words(status)}${count}`
    })
    .join('; ')
}
