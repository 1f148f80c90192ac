/** The log of an execution or a task, line by line as it is written. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from './ui.tsx'

interface Line {
  readonly time: string
  readonly level: string
  readonly task_id: number | null
  readonly text: string
}

/** Lines that are shown: the last ones. */
const MOST_LINES = 1000

export function Log({
  execution,
  task,
  onClose,
}: {
  readonly execution: number
  readonly task: number | undefined
  readonly onClose: () => void
}) {
  const [lines, setLines] = useState<readonly Line[]>([])
  const ref = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const path = task === undefined ? 'logs' : `logs/${task}`
    const level = task === undefined ? 'info' : 'debug'
    const stream = new EventSource(`/api/replication/executions/${execution}/${path}?follow=true&level=${level}`)
    let waiting: Line[] = []
    let timer: number | undefined
    stream.addEventListener('log', (message) => {
      waiting.push(JSON.parse((message as MessageEvent).data))
      timer ??= window.setTimeout(() => {
        const more = waiting
        waiting = []
        timer = undefined
        setLines((before) => [...before, ...more].slice(-MOST_LINES))
      }, 100)
    })
    stream.addEventListener('end', () => stream.close())
    return () => {
      clearTimeout(timer)
      stream.close()
    }
  }, [execution, task])
  useEffect(() => {
    const element = ref.current
    if (element && element.scrollHeight - element.scrollTop - element.clientHeight < 200)
      element.scrollTop = element.scrollHeight
  }, [lines])
  const title = task === undefined ? 'Log' : `Log of task ${task}`
  return (
    <section class="log" aria-labelledby="log">
      <div class="head">
        <h2 id="log">{title}</h2>
        {task === undefined ? null : <Button onClick={onClose}>Whole log</Button>}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div class="lines" ref={ref} role="log" tabIndex={0} aria-label={title}>
        {lines.length === 0 ? <p class="dim">no line yet</p> : null}
        {lines.map((line, at) => (
          <p key={at} class={line.level}>
            <time>{new Date(line.time).toLocaleTimeString()}</time>
            {line.task_id === null || task !== undefined ? null : <span class="dim">[{line.task_id}]</span>} {line.text}
          </p>
        ))}
      </div>
    </section>
  )
}
