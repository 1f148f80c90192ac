/** When a policy runs, and the next times of its schedule. */

import type { Draft } from '../../../../serve/api/schema/definition.ts'
import { clock } from '../../../format.ts'
import { Choice, Switch } from '../../../parts/form.tsx'
import { Ago } from '../../../parts/status.tsx'
import { type FieldsProps, Folded, Text } from './fields.tsx'
import { EVENTS, moreSchedules } from './triggers.ts'

interface WhenProps extends Pick<FieldsProps, 'form' | 'onForm'> {
  /** Those of the definition. */
  readonly triggers: unknown
  readonly next: Draft['next_runs'] | undefined
}

const TIMES = [
  ['', 'by hand'],
  ['@hourly', 'every hour'],
  ['0 2 * * *', 'every day at two in the morning'],
  ['0 2 * * 0', 'every Sunday at two in the morning'],
] as const
const OTHER = 'other'

export function When({ form, onForm, triggers, next }: WhenProps) {
  const text = { form, onForm }
  const more = moreSchedules(triggers)
  const isKnown = TIMES.some(([cron]) => cron === form.cron)
  const events = form.events.split(',').filter((kind) => kind !== '')
  return (
    <fieldset>
      <legend>When</legend>
      <Choice
        label="Usual times"
        value={isKnown ? form.cron : OTHER}
        options={[...TIMES, ...(isKnown ? [] : ([[OTHER, 'at other times']] as const))]}
        onChange={(cron) => onForm({ cron: cron === OTHER ? form.cron : cron })}
      />
      <Text
        {...text}
        of="cron"
        label="Schedule"
        placeholder="30 3 * * 1-5"
        hint={`Five or six fields of cron, or @daily; empty: by hand${more > 0 ? `. ${more} more in the file` : ''}`}
      />
      {form.cron === '' ? null : (
        <Text {...text} of="timezone" label="Time zone" placeholder="Europe/Berlin" hint="Empty: that of the daemon" />
      )}
      {next?.length ? (
        <p class="dim" role="status">
          next: <Ago time={next[0]?.time} />, {next.map(({ time }) => clock(time)).join(' · ')}
        </p>
      ) : null}
      <Folded title="When something changes" form={form} of={['events', 'poll', 'pull']}>
        {EVENTS.map(([kind, word]) => (
          <Switch
            key={kind}
            label={`When something is ${word} (webhooks)`}
            on={events.includes(kind)}
            onChange={(on) =>
              onForm({
                events: EVENTS.map(([one]) => one)
                  .filter((one) => (one === kind ? on : events.includes(one)))
                  .join(','),
              })
            }
          />
        ))}
        <Text
          {...text}
          of="poll"
          label="Look for changes every"
          placeholder="5m"
          hint="For a source that sends no webhooks"
        />
        <Switch
          label="When a client pulls what is not there yet"
          on={form.pull === 'true'}
          onChange={(on) => onForm({ pull: on ? 'true' : '' })}
        />
      </Folded>
      <Folded title="Checks and description" form={form} of={['verify', 'onOverlap', 'description']}>
        <Text {...text} of="description" label="Description" />
        <Choice
          label="After a copy"
          value={form.verify}
          options={[
            ['', 'digests are checked'],
            ['full', 'everything is read again'],
            ['off', 'nothing is checked'],
          ]}
          onChange={(verify) => onForm({ verify })}
        />
        <Choice
          label="When it is still running"
          value={form.onOverlap}
          options={[
            ['', 'the next start is skipped'],
            ['queue', 'the next start waits'],
          ]}
          onChange={(onOverlap) => onForm({ onOverlap })}
        />
      </Folded>
    </fieldset>
  )
}
