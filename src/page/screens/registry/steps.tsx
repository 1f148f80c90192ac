/** The steps of a test, as they went. */

import { useEffect, useRef } from 'preact/hooks'
import type { PingAnswer } from '../../../serve/api/schema/definition.ts'

export function Steps({ ping }: { readonly ping: PingAnswer }) {
  const list = useRef<HTMLOListElement>(null)
  useEffect(() => {
    // It stands below what was typed.
    list.current?.scrollIntoView({ block: 'nearest' })
  }, [ping])
  return (
    <ol ref={list} class="steps" aria-label="Test">
      {ping.steps.map(({ name, ok, detail }) => (
        <li key={name} class={ok ? 'ok' : 'bad'}>
          <strong>
            {ok ? '✓' : '✗'} {name}
          </strong>{' '}
          {detail}
        </li>
      ))}
    </ol>
  )
}
