/** One policy: what it does, and did; its plan; or the questions for a new one. */

import { useState } from 'preact/hooks'
import type { z } from 'zod'
import type { policyDetail } from '../../../serve/api/schema/definition.ts'
import type { Execution } from '../../../serve/api/schema/execution.ts'
import { useEditable } from '../../edit/editable.ts'
import { clock } from '../../format.ts'
import { useLive } from '../../live/live.ts'
import { Button } from '../../parts/button.tsx'
import { useRead } from '../../parts/data.ts'
import { Absent, Delete, Facts, Head } from '../../parts/detail.tsx'
import { Switch } from '../../parts/form.tsx'
import { Plan } from '../../parts/plan.tsx'
import { useMay } from '../../parts/session.ts'
import { Ago } from '../../parts/status.tsx'
import { tried } from '../../parts/toast.tsx'
import { go } from '../../route.tsx'
import { ExecutionTable, start } from '../execution/list.tsx'
import { enable, placeOf, triggersOf } from '../policies.tsx'
import { PolicyWizard } from './wizard/wizard.tsx'

export type Detail = z.infer<typeof policyDetail>

export function PolicyScreen({ id }: { readonly id: string }) {
  return id === 'new' ? (
    <PolicyWizard before={undefined} etag={undefined} onDone={(name) => go(`/policies/${encodeURIComponent(name)}`)} />
  ) : (
    <One id={id} />
  )
}

function One({ id }: { readonly id: string }) {
  const may = useMay()
  const path = `/replication/policies/${encodeURIComponent(id)}`
  const { one, etag, error, again, isEditing, edit, done } = useEditable<Detail>(path)
  const runs = useRead<readonly Execution[]>(
    `/replication/executions?page_size=10&q=${encodeURIComponent(`policy=${encodeURIComponent(id)}`)}`,
  )
  const [planning, plan] = useState(0)
  useLive(({ type, data }) => {
    if (type === 'reset') runs.again()
    if (type !== 'execution' || data.policy !== id) return
    if (runs.answer?.body.some((one) => one.id === data.id)) {
      runs.patch((rows) => rows.map((row) => (row.id === data.id ? data : row)))
    } else runs.again()
  })
  if (!one) return <Absent list="Policies" to="/policies" name={id} error={error} />
  if (isEditing) return <PolicyWizard before={one} etag={etag} onDone={done} />
  return (
    <>
      <Head
        list="Policies"
        to="/policies"
        name={id}
        title={id}
        window={id}
        more={
          <p class="resource">
            {placeOf(one, 'src')} → {placeOf(one, 'dest')}
          </p>
        }
      >
        <Switch
          label="Enabled"
          on={one.enabled}
          not={may('maintainer')}
          onChange={(on) => tried(() => enable(id, on)).finally(again)}
        />
        <Button onClick={() => plan((count) => count + 1)}>Plan</Button>
        <Button not={may('maintainer')} onClick={edit}>
          Change
        </Button>
        <Delete name={id} path={path} etag={etag} to="/policies" not={may('maintainer')}>
          It is removed from {one.file ?? 'its file'}. Its executions stay in the history, and what it has copied stays
          where it is.
        </Delete>
        <Button kind="primary" not={one.enabled ? may('operator') : 'it is disabled'} onClick={() => start(id)}>
          Start
        </Button>
      </Head>
      {typeof one.description === 'string' ? <p>{one.description}</p> : null}
      <Facts
        facts={[
          ['triggers', triggersOf(one).join(', ')],
          ['next run', one.next_run ? <Ago key="next" time={one.next_run} /> : '—'],
          ['deletes', String(one.deletion ?? 'never')],
          ['scope', String(one.scope ?? 'system')],
          ['file', one.file ?? '—'],
          ['creator', typeof one.creator === 'string' ? one.creator : '—'],
          ['changed', typeof one.update_time === 'string' ? clock(one.update_time) : '—'],
        ]}
      />
      {planning > 0 ? <Plan key={planning} body={JSON.stringify({ policy_id: id })} /> : null}
      <h2>Executions</h2>
      <ExecutionTable rows={runs.answer?.body} />
    </>
  )
}
