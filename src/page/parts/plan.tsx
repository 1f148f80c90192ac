/** What a policy would do now, as a tree of repositories and tags. */

import { useEffect, useState } from 'preact/hooks'
import type { PreviewRow } from '../../serve/api/schema/preview.ts'
import { askLines } from '../api.ts'
import { bytes, plural } from '../format.ts'
import { Complaint } from './complaint.tsx'

type Action = Extract<PreviewRow, { type: 'action' }>
type Planned = Extract<PreviewRow, { type: 'plan' }>

/** Actions that are shown; the counts are of all. */
const MOST = 2000

/** `body` as JSON: what the preview is asked, a policy that is in force or a whole one. */
export function Plan({ body }: { readonly body: string }) {
  const [actions, setActions] = useState<readonly Action[]>([])
  const [planned, setPlanned] = useState<Planned>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    const end = new AbortController()
    void (async () => {
      try {
        const rows: Action[] = []
        const lines = askLines<PreviewRow>('POST', '/replication/policies/preview?plan=true', {
          body: JSON.parse(body),
          signal: end.signal,
        })
        for await (const row of lines) {
          if (row.type === 'action' && rows.length < MOST) rows.push(row)
          if (row.type === 'error') setError(new Error(row.message))
          if (row.type === 'plan') setPlanned(row)
          if (rows.length % 50 === 1) setActions([...rows])
        }
        setActions(rows)
      } catch (failure) {
        if (!end.signal.aborted) setError(failure)
      }
    })()
    return () => end.abort()
  }, [body])
  const tree = [...Map.groupBy(actions, ({ destination }) => repositoryOf(destination))]
  return (
    <section class="plan" aria-labelledby="plan" aria-busy={planned === undefined && error === undefined}>
      <h2 id="plan">Plan</h2>
      <Complaint error={error} />
      {planned ? (
        <p>
          {Object.entries(planned.actions)
            .filter(([, count]) => count > 0)
            .map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`)
            .join(' · ') || 'nothing to do'}{' '}
          · {planned.unchanged.toLocaleString('en')} unchanged
          {planned.cut ? ` · ${planned.cut}` : ''}
        </p>
      ) : error === undefined ? (
        <p class="dim">both sides are compared…</p>
      ) : null}
      {planned?.warnings.map((warning) => (
        <p key={warning} class="hint">
          {warning}
        </p>
      ))}
      {tree.map(([repository, list]) => (
        <details key={repository} open={tree.length <= 5}>
          <summary>
            <span class="resource">{repository}</span> <span class="dim">{plural(list.length, 'action')}</span>
          </summary>
          <ul>
            {list.map((action) => (
              <li key={`${action.action} ${action.destination}`}>
                <span class={`status ${action.action}`}>{action.action}</span>{' '}
                <span class="resource">{action.destination.slice(repository.length)}</span>{' '}
                <span class="dim">
                  {action.action === 'delete' ? '' : `from ${action.source}`}
                  {action.bytes_to_copy ? ` · ${bytes(action.bytes_to_copy)}` : ''}
                  {action.reason ? ` · ${action.reason}` : ''}
                </span>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </section>
  )
}

function repositoryOf(resource: string): string {
  return /^(.*?\/[^:@]*)/.exec(resource)?.[1] ?? resource
}
