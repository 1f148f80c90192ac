/** The log of an execution or a task, line by line as it is written. */

import { Component } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { timeOfDay } from '../format.ts'
import type { LogLine } from '../live/events.ts'
import { useLive, useSubject } from '../live/live.ts'
import { Button } from './button.tsx'

/** Lines that are shown: the last ones. */
const MOST_LINES = 1000
/** Pixels from the end within which a reader sees what comes. */
const NEAR = 50

interface LogProps {
  readonly execution: number
  readonly task: number | undefined
  readonly onClose: () => void
}

export function Log({ execution, task, onClose }: LogProps) {
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const ref = useRef<HTMLDivElement>(null)
  const section = useRef<HTMLElement>(null)
  const isAtEnd = useRef(true)
  useLive(({ type, data }) => {
    if (type !== 'log' || data.subject.execution !== execution || data.subject.task !== task) return
    setLines((before) => {
      const last = before.at(-1)?.id ?? 0
      const more = data.lines.filter(({ id }) => id > last)
      return more.length === 0 ? before : [...before, ...more].slice(-MOST_LINES)
    })
  })
  useSubject({ execution, task })
  useEffect(() => {
    // It may be below a long list of tasks.
    if (task !== undefined) section.current?.scrollIntoView({ block: 'nearest' })
  }, [task])
  useEffect(() => {
    if (ref.current && isAtEnd.current) ref.current.scrollTop = ref.current.scrollHeight
  }, [lines])
  const title = task === undefined ? 'Log' : `Log of task ${task}`
  return (
    <section class="log" aria-labelledby="log" ref={section}>
      <div class="head">
        <h2 id="log">{title}</h2>
        {task === undefined ? null : <Button onClick={onClose}>Whole log</Button>}
      </div>
      <div
        class="lines"
        ref={ref}
        role="log"
        // Ten lines a second are too many to be read aloud.
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        aria-label={title}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR
        }}
      >
        {lines.length === 0 ? <p class="dim">no line yet</p> : null}
        {lines.map((line) => (
          <Line key={line.id} line={line} isWhole={task === undefined} />
        ))}
      </div>
    </section>
  )
}

interface LineProps {
  readonly line: LogLine
  readonly isWhole: boolean
}

/** Stays as it is: there may be a thousand, and new ones several times a second. */
class Line extends Component<LineProps> {
  override shouldComponentUpdate(): boolean {
    return false
  }

  override render({ line: { level, time, task_id, text }, isWhole }: LineProps) {
    return (
      <p class={level}>
        <time>{timeOfDay(time)}</time>
        {task_id === null || !isWhole ? null : <span class="dim">[{task_id}]</span>} {text}
      </p>
    )
  }
}
