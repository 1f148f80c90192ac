/** What an edit will write: the YAML of it, or the lines of the file that change. */

import type { Draft } from '../../serve/api/schema/definition.ts'
import { Refused } from '../api.ts'
import { plural } from '../format.ts'
import { Complaint } from '../parts/complaint.tsx'
import { say } from '../parts/toast.tsx'

const SIGNS = { added: '+', removed: '−', same: ' ' } as const

export function Changes({ draft, isNew }: { readonly draft: Draft | undefined; readonly isNew: boolean }) {
  if (!draft) return null
  const changed = draft.lines.filter(({ kind }) => kind !== 'same').length
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">{isNew ? 'YAML' : 'Changes'}</h2>
      <p class="dim">
        {draft.changes ? `${plural(changed, 'line')} of ` : 'nothing changes in '}
        <span class="resource" title={draft.file}>
          {draft.file.replace(/^.*[\\/]/, '')}
        </span>
      </p>
      {isNew ? (
        <Yaml text={draft.yaml} />
      ) : draft.changes ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        <pre class="yaml" tabIndex={0}>
          {draft.lines.map(({ kind, text }, at) => (
            <span key={at} class={`line ${kind}`}>{`${SIGNS[kind]} ${text}\n`}</span>
          ))}
        </pre>
      ) : null}
    </section>
  )
}

function Yaml({ text }: { readonly text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <pre class="yaml" tabIndex={0}>
      {text}
    </pre>
  )
}

/** Why it was not saved; of a file that cannot be written what to put into it. */
export function NotSaved({ error }: { readonly error: unknown }) {
  const yaml = error instanceof Refused ? error.problem.yaml : undefined
  if (error === undefined) return null
  return (
    <>
      <Complaint error={error} />
      {typeof yaml === 'string' ? (
        <>
          <Yaml text={yaml} />
          <p>
            <button
              type="button"
              onClick={() =>
                copied(yaml).then(
                  () => say('the YAML is copied'),
                  () => say('the browser does not allow it: select the YAML, and copy it', true),
                )
              }
            >
              Copy the YAML
            </button>
          </p>
        </>
      ) : null}
    </>
  )
}

/** Browsers have it only for pages that come over TLS, or from this machine. */
async function copied(text: string): Promise<void> {
  if (!('clipboard' in navigator)) throw new Error('there is no clipboard')
  await navigator.clipboard.writeText(text)
}
