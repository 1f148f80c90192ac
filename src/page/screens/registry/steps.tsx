/** The steps of a test, as they went. */

import type { PingAnswer } from '../../../serve/api/schema/definition.ts'

export function Steps({ ping }: { readonly ping: PingAnswer }) {
  return (
    <ol class="steps" aria-label="Test">
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
