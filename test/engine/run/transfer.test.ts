import { expect, test } from 'vitest'
import type { Clock } from '../../../src/core/cancel.ts'
import type { Context } from '../../../src/core/context.ts'
import { CancelledError, HistoryError, IntegrityError, LockedError, NetworkError } from '../../../src/core/errors.ts'
import type { Event } from '../../../src/core/events.ts'
import { createGate } from '../../../src/core/gate.ts'
import type { TaskSpec } from '../../../src/core/plan.ts'
import type { RunTask } from '../../../src/engine/run/runner.ts'
import { type TransferOptions, transferTasks } from '../../../src/engine/run/transfer.ts'
import type { History } from '../../../src/history/history.ts'
import { begin, copies, open } from '../../history/setup.ts'

/** Time that passes only where somebody sleeps. */
function sleeplessClock(): Clock & { readonly slept: number[] } {
  let now = 1_000_000
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    sleep: (milliseconds, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason)
      slept.push(milliseconds)
      now += milliseconds
      return Promise.resolve()
    },
  }
}

interface Scene {
  readonly history: History
  readonly id: number
  readonly events: readonly Event[]
  readonly abort: (reason: Error) => void
  transfer(run: RunTask, options?: Partial<TransferOptions> & Pick<Context, 'gate'>): Promise<void>
}

async function scene(tasks: number): Promise<Scene> {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(tasks))
  history.executions.move(id, 'in_progress')
  const events: Event[] = []
  const controller = new AbortController()
  return {
    history,
    id,
    events,
    abort: (reason) => controller.abort(reason),
    transfer: (run, { gate, ...options } = {}) =>
      transferTasks(
        {
          history,
          execution: id,
          run,
          tasksAtOnce: () => 4,
          retry: { attempts: 3, delay: 1000 },
          onFailure: () => {},
          clock: sleeplessClock(),
          random: () => 0,
          ...options,
        },
        { signal: controller.signal, emit: (event) => events.push(event), gate },
      ),
  }
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))

test('puts a task back for twice as long each time, and up to half of that more', async () => {
  const { transfer, history, id, events } = await scene(1)
  const clock = sleeplessClock()
  let runs = 0
  await transfer(
    async () => {
      runs += 1
      if (runs < 3) throw new NetworkError('reset')
    },
    { clock, random: () => 0.5 },
  )
  expect(clock.slept).toEqual([1250, 2500])
  expect(events.filter(({ type }) => type === 'retry')).toMatchObject([
    { attempt: 1, delay: 1250 },
    { attempt: 2, delay: 2500 },
  ])
  expect([...history.tasks.list(id)]).toMatchObject([{ status: 'succeeded', attempts: 3 }])
})

test('gives a task up after its attempts, and at once for what no attempt would change', async () => {
  const { transfer, history, id } = await scene(2)
  let failures = 0
  await transfer(
    async (task) => {
      throw task.source.tag === 'v0' ? new NetworkError('reset') : new IntegrityError('wrong')
    },
    { onFailure: () => (failures += 1) },
  )
  expect([...history.tasks.list(id)].map(({ status, attempts, error }) => [status, attempts, error?.code])).toEqual([
    ['failed', 3, 'network'],
    ['failed', 1, 'integrity'],
  ])
  expect(failures).toBe(2)
  expect(history.executions.finish(id).status).toBe('failed')
})

test('counts the attempts of this run only, whatever earlier ones have tried', async () => {
  const { transfer, history, id } = await scene(1)
  const failing: RunTask = async () => {
    throw new NetworkError('reset')
  }
  await transfer(failing)
  history.executions.finish(id)
  history.locks.release(id)
  expect(history.executions.beginning(id).left).toEqual({ pending: 0, stopped: 0, failed: 1 })
  expect(history.executions.resume(id)).toEqual({ id, attempt: 2 })
  await transfer(failing)
  expect([...history.tasks.list(id)]).toMatchObject([{ status: 'failed', attempts: 6 }])
})

test('a stop ends the wait for another attempt at once', async () => {
  const { transfer, history, id, abort, events } = await scene(1)
  const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: (_, signal) => untilAborted(signal) }
  const transferred = transfer(
    async () => {
      throw new NetworkError('reset')
    },
    { clock },
  )
  await expect.poll(() => events.some(({ type }) => type === 'waiting')).toBe(true)
  abort(new CancelledError('enough', 4))
  await transferred
  history.tasks.stopRest(id)
  expect(history.executions.finish(id, 'stopped')).toMatchObject({ status: 'stopped', stopped: 1, in_progress: 0 })
})

test('a stop ends the tasks that run as stopped, and begins no other', async () => {
  const { transfer, history, id, abort } = await scene(6)
  let begun = 0
  const transferred = transfer(async (_task, _moved, { signal }) => {
    begun += 1
    if (begun === 4) queueMicrotask(() => abort(new CancelledError('enough', 4)))
    await untilAborted(signal)
  })
  await transferred
  expect(begun).toBe(4)
  expect([...history.tasks.list(id)].map(({ status }) => status)).toEqual([
    ...Array.from({ length: 4 }, () => 'stopped'),
    'pending',
    'pending',
  ])
})

test('begins no task while the gate is closed, and ends where nothing is left to hold', async () => {
  const { transfer, history, id } = await scene(6)
  const gate = createGate()
  let begun = 0
  const transferred = transfer(
    async () => {
      begun += 1
      gate.close()
    },
    { gate },
  )
  await expect.poll(() => history.executions.get(id).succeed).toBe(4)
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toBe(4)
  gate.open()
  await transferred
  expect([begun, gate.closed]).toEqual([6, true])
})

test('a stop reaches what the gate holds', async () => {
  const { transfer, history, id, abort } = await scene(1)
  const gate = createGate()
  gate.close()
  const transferred = transfer(async () => {}, { gate })
  abort(new CancelledError('enough', 4))
  await transferred
  expect([...history.tasks.list(id)]).toMatchObject([{ status: 'pending', attempts: 0 }])
})

test.each(['finish', 'putBack', 'takePending', 'nextAttemptAt'] as const)(
  'a history that fails in %s ends the whole with its error, once every task has ended',
  async (method) => {
    const { transfer, history, id } = await scene(3)
    let running = 0
    const broken = new HistoryError('the disk is full')
    let calls = 0
    const failing = (...args: readonly unknown[]): unknown => {
      calls += 1
      if (calls > 1 || method === 'finish') throw broken
      return Reflect.apply(history.tasks[method], history.tasks, args)
    }
    const transferred = transfer(
      async ({ source }, _moved, { signal }) => {
        running += 1
        try {
          // One that is put back makes it look again.
          if (source.tag === 'v0' && method !== 'finish') throw new NetworkError('reset')
          if (source.tag !== 'v0' && source.tag !== 'v1') await untilAborted(signal)
          if (method === 'putBack') throw new NetworkError('reset')
        } finally {
          running -= 1
        }
      },
      { history: { ...history, tasks: { ...history.tasks, [method]: failing } } },
    )
    await expect(transferred).rejects.toBe(broken)
    expect(running).toBe(0)
    // Whatever could not be said before can be said now: nothing stays in progress.
    history.tasks.stopRest(id)
    expect(history.executions.fail(id, { code: 'history', message: 'the disk is full' })).toBe(true)
    expect(history.executions.get(id)).toMatchObject({ status: 'failed', in_progress: 0 })
  },
)

test('tasks for a destination that hangs keep none of the others waiting', async () => {
  const { transfer, history, id } = await scene(0)
  const to = (registry: string): TaskSpec[] =>
    copies(6).map((spec) => ({ ...spec, destination: { ...spec.destination, registry } }))
  history.tasks.add(id, [...to('hung'), ...to('healthy')])
  const revived = Promise.withResolvers<void>()
  const ended: string[] = []
  const run: RunTask = async ({ destination }) => {
    if (destination.registry === 'hung') await revived.promise
    ended.push(destination.registry)
    if (ended.length === 6) revived.resolve()
  }
  await transfer(run, { tasksAtOnce: () => 2, destinations: ['hung', 'healthy'] })
  expect(ended.slice(0, 6)).toEqual(Array(6).fill('healthy'))
  expect([...history.tasks.list(id)].map(({ status }) => status)).toEqual(Array(12).fill('succeeded'))
})

test('writes nothing of its tasks once another process has taken the execution over', async () => {
  const { transfer, history, id, abort } = await scene(3)
  await transfer(async (task, _moved, ctx) => {
    const aborted = untilAborted(ctx.signal)
    aborted.catch(() => {})
    if (task.source.tag === 'v2') abort(new LockedError('taken over'))
    if (task.source.tag !== 'v1') await aborted
  })
  expect([...history.tasks.list(id)].map(({ status }) => status)).toEqual(['in_progress', 'in_progress', 'in_progress'])
})

test('a task that was put back is not held up by a clock that is set back', async () => {
  const { transfer, history, id } = await scene(1)
  const clock = sleeplessClock()
  let back = 0
  let runs = 0
  await transfer(
    async () => {
      runs += 1
      if (runs === 1) throw new NetworkError('reset')
    },
    {
      clock: {
        ...clock,
        now: () => clock.now() - back,
        sleep: (milliseconds, signal) => {
          back = 600_000
          return clock.sleep(milliseconds, signal)
        },
      },
    },
  )
  expect(clock.slept).toEqual([1000])
  expect([...history.tasks.list(id)]).toMatchObject([{ status: 'succeeded' }])
})
