/** What the filters match, as it is found, and where each lands. */

import { useEffect, useState } from 'preact/hooks'
import type { PreviewRow } from '../../../../serve/api/schema/preview.ts'
import { askLines } from '../../../api.ts'
import { QUIET } from '../../../edit/draft.ts'
import { plural } from '../../../format.ts'
import { Complaint } from '../../../parts/complaint.tsx'

type Matched = Extract<PreviewRow, { type: 'repository' }>
type Done = Extract<PreviewRow, { type: 'done' }>

/** Repositories and tags of each that are shown; the counts are of all. */
const MOST = { repositories: 200, tags: 12, left: 5 } as const

/** `definition` as JSON. */
export function Preview({ definition }: { readonly definition: string | undefined }) {
  const [rows, setRows] = useState<readonly Matched[]>([])
  const [done, setDone] = useState<Done>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    if (definition === undefined) return
    const end = new AbortController()
    const timer = setTimeout(async () => {
      setDone(undefined)
      setError(undefined)
      const found: Matched[] = []
      try {
        const lines = askLines<PreviewRow>('POST', '/replication/policies/preview', {
          body: JSON.parse(definition),
          signal: end.signal,
        })
        for await (const row of lines) {
          if (end.signal.aborted) return
          if (row.type === 'repository' && found.length < MOST.repositories) {
            found.push(row)
            setRows([...found])
          }
          if (row.type === 'error') setError(new Error(row.message))
          if (row.type === 'done') setDone(row)
        }
        setRows(found)
      } catch (failure) {
        if (end.signal.aborted) return
        setRows([])
        setError(failure)
      }
    }, QUIET)
    return () => {
      clearTimeout(timer)
      end.abort()
    }
  }, [definition])
  return (
    <section aria-labelledby="preview">
      <h2 id="preview">Preview</h2>
      <Complaint error={error} />
      <p role="status">{done ? countsOf(done) : error ? '' : 'the source is asked…'}</p>
      <ul class="preview">
        {rows.map((row) => (
          <li key={row.repository}>
            <span class="resource">
              {row.repository} → {row.lands.join(', ')}
            </span>
            <span class="why dim">{tagsOf(row)}</span>
          </li>
        ))}
      </ul>
      {done && done.repositories > rows.length && rows.length === MOST.repositories ? (
        <p class="dim">and {plural(done.repositories - rows.length, 'more repository', 'more repositories')}</p>
      ) : null}
    </section>
  )
}

function countsOf({ tags, repositories, cut }: Done): string {
  const text = `${plural(tags, 'tag')} in ${plural(repositories, 'repository', 'repositories')}`
  return cut === null ? text : `${text} (${cut})`
}

function tagsOf({ tags, tags_selected, left }: Matched): string {
  const shown = tags.slice(0, MOST.tags).join(', ')
  const more = tags_selected > MOST.tags ? ` and ${plural(tags_selected - MOST.tags, 'more tag')}` : ''
  const without = left.slice(0, MOST.left).map(({ tag, rule }) => `${tag} (${rule})`)
  return `${shown}${more}${without.length > 0 ? ` · not: ${without.join(', ')}` : ''}`
}
