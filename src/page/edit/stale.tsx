/** Somebody else has changed what is edited here: what, and what to do. */

import { Button } from '../parts/button.tsx'
import { Table } from '../parts/table.tsx'
import type { Base } from './base.ts'
import { type Definition, differences, same } from './merge.ts'

interface StaleProps {
  readonly base: Base
  readonly mine: Definition
  /** What the form goes on with. */
  readonly onDefinition: (definition: Definition) => void
}

export function Stale({ base, mine, onDefinition }: StaleProps) {
  const { definition, theirs } = base
  if (!theirs) return null
  const own = new Map(differences(definition, mine).map(({ path, after }) => [path, after]))
  const changes = differences(definition, theirs).map((one) => ({
    ...one,
    // The change here may be of a part of it, or of what it is a part of.
    mine: [...own].find(([path]) => path === one.path || isWithin(path, one.path) || isWithin(one.path, path)),
  }))
  return (
    <section class="complaint" role="alert">
      <p>Somebody else has changed it meanwhile. What you have typed is kept.</p>
      <Table
        label="What has changed"
        columns={[{ title: 'Field' }, { title: 'Was' }, { title: 'Is now' }, { title: 'Yours' }]}
        rows={changes}
        keyOf={({ path }) => path}
        cells={({ path, before, after, mine: ours }) => [
          path,
          shown(before),
          shown(after),
          ours && !same(ours[1], after) ? <strong key="mine">{shown(ours[1])}</strong> : 'as it was',
        ]}
      />
      <div class="actions">
        <Button kind="primary" onClick={() => onDefinition(base.rebase(mine))}>
          Apply mine on top
        </Button>
        <Button onClick={() => onDefinition(base.rebase(definition))}>Take theirs</Button>
      </div>
    </section>
  )
}

function isWithin(path: string, other: string): boolean {
  return path.startsWith(`${other}.`)
}

function shown(value: unknown): string {
  if (value === undefined) return '—'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
