/** One trigger of a policy: what starts it. */

import { Button } from '../../../parts/button.tsx'
import { Choice, Field, Switch } from '../../../parts/form.tsx'
import { EVENTS, type Kind, restOf, type TriggerForm } from './triggers.ts'

interface TriggerProps {
  readonly trigger: TriggerForm
  readonly onTrigger: (trigger: TriggerForm) => void
  readonly onRemove: () => void
}

export const TITLES: Readonly<Record<Kind, string>> = {
  schedule: 'At set times',
  event: 'On a webhook of the registry',
  poll: 'When a look at the source finds a change',
  pull: 'When a client pulls what is not there yet',
}

const TIMES = [
  ['@hourly', 'every hour'],
  ['0 2 * * *', 'every day at two in the morning'],
  ['0 2 * * 0', 'every Sunday at two in the morning'],
] as const
const OTHER = 'other'

export function Trigger({ trigger, onTrigger, onRemove }: TriggerProps) {
  const { kind, before } = trigger
  const rest = Object.entries(restOf(trigger))
  const change = (now: Partial<TriggerForm>): void => onTrigger({ ...trigger, ...now })
  return (
    <fieldset>
      <legend>{kind === undefined ? 'Written in the file' : TITLES[kind]}</legend>
      {kind === undefined ? <code>{JSON.stringify(before)}</code> : null}
      {kind === 'schedule' ? <Schedule trigger={trigger} change={change} /> : null}
      {kind === 'event' ? <Events value={trigger.value} onValue={(value) => change({ value })} /> : null}
      {kind === 'poll' ? (
        <Field
          label="Look for changes every"
          value={trigger.value}
          onInput={(value) => change({ value })}
          placeholder="5m"
          hint="For a source that sends no webhooks"
        />
      ) : null}
      {rest.length > 0 ? (
        <p class="dim">
          as in the file: <code>{rest.map(([key, value]) => `${key}: ${String(value)}`).join(', ')}</code>
        </p>
      ) : null}
      {kind === undefined ? null : (
        <p>
          <Button small label={`Remove: ${TITLES[kind]}`} onClick={onRemove}>
            Remove
          </Button>
        </p>
      )}
    </fieldset>
  )
}

interface ScheduleProps {
  readonly trigger: TriggerForm
  readonly change: (now: Partial<TriggerForm>) => void
}

function Schedule({ trigger: { value, timezone }, change }: ScheduleProps) {
  const isKnown = TIMES.some(([cron]) => cron === value)
  return (
    <>
      <Choice
        label="Usual times"
        value={isKnown ? value : OTHER}
        options={[...TIMES, ...(isKnown ? [] : ([[OTHER, 'at other times']] as const))]}
        onChange={(cron) => change({ value: cron === OTHER ? value : cron })}
      />
      <Field
        label="Schedule"
        value={value}
        onInput={(cron) => change({ value: cron })}
        placeholder="30 3 * * 1-5"
        hint="Five or six fields of cron, or @daily"
      />
      <Field
        label="Time zone"
        value={timezone}
        onInput={(zone) => change({ timezone: zone })}
        placeholder="Europe/Berlin"
        hint="Empty: that of the daemon"
      />
    </>
  )
}

function Events({ value, onValue }: { readonly value: string; readonly onValue: (value: string) => void }) {
  const chosen = value.split(',')
  return (
    <>
      {EVENTS.map(([kind, word]) => (
        <Switch
          key={kind}
          label={`When something is ${word}`}
          on={chosen.includes(kind)}
          onChange={(on) =>
            onValue(
              EVENTS.map(([one]) => one)
                .filter((one) => (one === kind ? on : chosen.includes(one)))
                .join(','),
            )
          }
        />
      ))}
    </>
  )
}
