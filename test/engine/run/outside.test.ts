/** Tasks that programs outside do: taken once, given back when nothing is heard, checked at their end. */

import { expect, test } from 'vitest'
import { IntegrityError } from '../../../src/core/errors.ts'
import type { Event } from '../../../src/core/events.ts'
import { createGate } from '../../../src/core/gate.ts'
import { createOutsideRunners, type Offer, SILENCE, type TaskNews } from '../../../src/engine/run/outside.ts'
import { transferTasks } from '../../../src/engine/run/transfer.ts'
import { begin, copies, open } from '../../history/setup.ts'
import { manualClock } from '../../support/manual-clock.ts'

const FIGURES = { moved: {}, lines: [] } as const

/** An execution of three tasks, whose first this process does until `release`; the others wait. */
async function scene({ tasks = 3, verify = async () => {} }: { tasks?: number; verify?: Offer['verify'] } = {}) {
  const clock = manualClock()
  const history = await open(undefined, { clock })
  const id = begin(history)
  history.tasks.add(id, copies(tasks))
  history.executions.move(id, 'in_progress')
  const runners = createOutsideRunners(clock)
  const events: Event[] = []
  const here = Promise.withResolvers<void>()
  const stop = new AbortController()
  const gate = createGate()
  const done: (string | undefined)[] = []
  const ended = transferTasks(
    {
      history,
      execution: id,
      async run({ source }) {
        await here.promise
        done.push(source.tag)
      },
      tasksAtOnce: () => 1,
      retry: { attempts: 2, delay: 1000 },
      onFailure: () => {},
      outside: (take) => runners.offer(id, { take, verify, refusal: () => undefined }),
      clock,
      random: () => 0,
    },
    { signal: stop.signal, emit: (event) => events.push(event), gate },
  )
  const tell = (task: number, news: Partial<TaskNews> = {}): Promise<string | undefined> =>
    runners.tell(id, history.tasks.get(id, task), { ...FIGURES, task, runner: 'ci', status: 'in_progress', ...news })
  const statuses = (): readonly string[] => [...history.tasks.list(id)].map(({ status }) => status)
  return { clock, history, id, gate, events, done, ended, tell, statuses, release: here.resolve, stop }
}

test('a task is taken by the first who tells of it, done once, and the run waits for its end', async () => {
  const { history, id, tell, statuses, ended, done, events, release } = await scene()
  expect(statuses()).toEqual(['in_progress', 'pending', 'pending'])
  expect(await tell(2)).toBeUndefined()
  expect(statuses()).toEqual(['in_progress', 'in_progress', 'pending'])
  expect(await tell(2, { runner: 'other' })).toBe('task 2 is done by runner ci')
  expect(await tell(1)).toBe('task 1 is in_progress, and taken by no runner outside')
  expect(await tell(3, { status: 'succeeded' })).toBe('task 3 was not taken by runner ci')
  release()
  const lines = [{ level: 'info', text: 'a line of its own' }] as const
  expect(await tell(2, { moved: { bytes_copied: 70 }, lines })).toBeUndefined()
  // Figures never shrink.
  expect(await tell(2, { moved: { bytes_copied: 7 }, status: 'succeeded' })).toBeUndefined()
  await ended
  expect(done).toEqual(['v0', 'v2'])
  expect(history.tasks.get(id, 2)).toMatchObject({ status: 'succeeded', bytes_copied: 70, attempts: 1 })
  expect(events).toContainEqual({ type: 'log', level: 'info', text: 'a line of its own', task: 2 })
  expect(await tell(2)).toBe(`execution ${id} gives no tasks away: this daemon does not transfer it now`)
  expect(history.executions.finish(id).status).toBe('succeeded')
})

test('a runner that says nothing loses its task, which is done here then', async () => {
  const { clock, tell, statuses, ended, done, history, id, release } = await scene({ tasks: 2 })
  expect(await tell(2)).toBeUndefined()
  release()
  await clock.advance(SILENCE - 1)
  expect(await tell(2)).toBeUndefined()
  await clock.advance(SILENCE - 1)
  expect(statuses()).toEqual(['succeeded', 'in_progress'])
  await clock.advance(1)
  expect(statuses()[1]).toBe('pending')
  expect(await tell(2, { status: 'succeeded' })).toBe('task 2 was not taken by runner ci')
  await clock.advance(1000)
  await ended
  expect(done).toEqual(['v0', 'v1'])
  expect(history.tasks.get(id, 2)).toMatchObject({ status: 'succeeded', attempts: 2 })
})

test('what a runner says of a failure is the failure, and a success counts only where it is true', async () => {
  const words = ['the first', 'the second']
  const { clock, tell, ended, history, id, release } = await scene({
    verify: async () => {
      throw new IntegrityError('the destination has nothing')
    },
  })
  for (const message of words) {
    expect(await tell(2)).toBeUndefined()
    await tell(2, { status: 'failed', error: { message, hint: 'try harder' } })
    await clock.advance(2000)
  }
  expect(history.tasks.get(id, 2)).toMatchObject({
    status: 'failed',
    error: { code: 'runner', message: 'runner ci failed: the second', hint: 'try harder' },
  })
  expect(await tell(3)).toBeUndefined()
  await tell(3, { status: 'succeeded' })
  expect(history.tasks.get(id, 3)).toMatchObject({ status: 'failed', error: { code: 'integrity' } })
  release()
  await ended
})

test('nothing is taken while the run is paused or once it is stopped, and what is taken is stopped with it', async () => {
  const { tell, gate, stop, statuses, ended, release } = await scene()
  gate.close()
  expect(await tell(2)).toMatch(/^task 2 cannot be taken now/)
  gate.open()
  expect(await tell(2)).toBeUndefined()
  stop.abort(new Error('stopped'))
  release()
  await ended
  expect(statuses()).toEqual(['succeeded', 'stopped', 'pending'])
})

test('a runner that tells without end fills no log', async () => {
  const { tell, events, release, ended } = await scene({ tasks: 2 })
  expect(await tell(2)).toBeUndefined()
  const lines = Array.from({ length: 100 }, () => ({ level: 'info', text: 'again' }) as const)
  for (let at = 0; at < 50; at += 1) expect(await tell(2, { lines })).toBeUndefined()
  const told = events.flatMap((event) => (event.type === 'log' ? [event.text] : []))
  expect(told.filter((text) => text === 'again')).toHaveLength(999)
  expect(told.at(-1)).toBe('what follows is not listed')
  await tell(2, { status: 'succeeded' })
  release()
  await ended
})
