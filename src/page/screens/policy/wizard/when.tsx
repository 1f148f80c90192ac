/** When a policy runs, and the next times of its schedules. */

import type { Draft } from '../../../../serve/api/schema/definition.ts'
import { clock } from '../../../format.ts'
import { Button } from '../../../parts/button.tsx'
import { Ago } from '../../../parts/status.tsx'
import { type FieldsProps, Folded, Select, Text } from './fields.tsx'
import { TITLES, Trigger } from './trigger.tsx'
import { KINDS, newTrigger, type TriggerForm } from './triggers.ts'

interface WhenProps extends Pick<FieldsProps, 'form' | 'onForm'> {
  readonly next: Draft['next_runs'] | undefined
}

export function When({ form, onForm, next }: WhenProps) {
  const text = { form, onForm }
  const { triggers } = form
  const set = (at: number, now: readonly TriggerForm[]): void =>
    onForm({ triggers: [...triggers.slice(0, at), ...now, ...triggers.slice(at + 1)] })
  return (
    <fieldset>
      <legend>When</legend>
      {triggers.length === 0 ? <p class="dim">By hand, and besides:</p> : null}
      {triggers.map((trigger, at) => (
        <Trigger key={at} trigger={trigger} onTrigger={(now) => set(at, [now])} onRemove={() => set(at, [])} />
      ))}
      {next?.length ? (
        <p class="dim">
          next: <Ago time={next[0]?.time} />, {next.map(({ time }) => clock(time)).join(' · ')}
        </p>
      ) : null}
      <div class="actions">
        {KINDS.filter((kind) => kind === 'schedule' || triggers.every((one) => one.kind !== kind)).map((kind) => (
          <Button key={kind} onClick={() => onForm({ triggers: [...triggers, newTrigger(kind)] })}>
            + {TITLES[kind]}
          </Button>
        ))}
      </div>
      <Folded title="Checks and description" form={form} of={['verify', 'onOverlap', 'description']}>
        <Text {...text} of="description" label="Description" />
        <Select
          {...text}
          of="verify"
          label="After a copy"
          options={[
            ['', 'digests are checked'],
            ['full', 'everything is read again'],
            ['off', 'nothing is checked'],
          ]}
        />
        <Select
          {...text}
          of="onOverlap"
          label="When it is still running"
          options={[
            ['', 'the next start is skipped'],
            ['queue', 'the next start waits'],
          ]}
        />
      </Folded>
    </fieldset>
  )
}
