/** Bars, lines and the numbers in them. */

import { expect, test } from 'vitest'
import { colorsFor } from '../../../src/cli/render/colors.ts'
import { lineView, progressText } from '../../../src/cli/render/lines.ts'
import { createMeter } from '../../../src/cli/render/meter.ts'
import { barLine } from '../../../src/cli/render/progress.ts'
import { openSession } from '../../../src/cli/session.ts'
import { command, execution, task } from '../support.ts'

const digest = `sha256:${'0'.repeat(64)}` as const
const MiB = 1024 * 1024

test('the rate is a moving average, not that of the last moment', () => {
  let now = 0
  const meter = createMeter(() => now)
  meter.add({ type: 'planned', tasks: 2, bytes: 0 })
  meter.add({ type: 'planned', tasks: 0, bytes: 100 * MiB })
  meter.add({ type: 'stage', stage: 'transfer', state: 'started', text: '' })
  meter.add({ type: 'blob-started', id: 'a', digest, size: 100 * MiB, name: 'x' })
  for (let second = 1; second <= 20; second += 1) {
    now = second * 1000
    meter.add({ type: 'blob-progress', id: 'a', bytes: (second <= 15 ? second : 15) * 2 * MiB })
  }
  // The last ten seconds: five at 2 MiB/s, five silent.
  expect(meter.read().rate).toBeCloseTo(MiB, -5)
  expect(meter.read()).toMatchObject({ tasks: 2, done: 0, processed: 30 * MiB, bytes: 100 * MiB })
})

test('a blob that fails gives its bytes back', () => {
  const meter = createMeter(() => 0)
  meter.add({ type: 'blob-started', id: 'a', digest, size: 10, name: 'x' })
  meter.add({ type: 'blob-progress', id: 'a', bytes: 5 })
  expect(meter.read().processed).toBe(5)
  meter.add({ type: 'blob-ended', id: 'a', outcome: 'failed', size: 10 })
  expect(meter.read().processed).toBe(0)
  meter.add({ type: 'blob-ended', id: '', outcome: 'present', size: 10 })
  expect(meter.read().processed).toBe(10)
})

test('a task counts once, whatever became of it', () => {
  const meter = createMeter(() => 0)
  for (const status of ['failed', 'pending', 'succeeded'] as const)
    meter.add({ type: 'task', task: { ...task, status } })
  expect(meter.read()).toMatchObject({ done: 1, failed: 0 })
})

test('progress in one line has tasks, bytes, rate and the time left', () => {
  const reading = {
    stage: 'transfer',
    tasks: 340,
    done: 12,
    failed: 1,
    bytes: 4096 * MiB,
    processed: 1228.8 * MiB,
    blobs: new Map(),
    rate: 23.6 * MiB,
    remaining: 121_500,
  } as const
  expect(progressText(reading)).toBe('12/340  1.2 GiB of 4.0 GiB  23.6 MiB/s  2 min 2 s left  1 failed')
})

test('a bar never gets wider than the terminal', () => {
  expect(barLine(0.5, 'x'.repeat(100), 40, colorsFor(false))).toBe(
    `${'━'.repeat(12)}${'╌'.repeat(12)}  ${'x'.repeat(13)}…`,
  )
})

test('without a terminal there is a line each ten seconds while bytes move', () => {
  let stderr = ''
  let tick: (() => void) | undefined
  let interval = 0
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const output = {
    write: (text: string) => {
      stderr += text
    },
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
  }
  const session = openSession(
    {
      stdout: output,
      stderr: output,
      env: {},
      cwd: '/nowhere',
      stdin: unused,
      signal: new AbortController().signal,
      timer: {
        now: () => 0,
        every: (milliseconds, callback) => {
          interval = milliseconds
          tick = callback
          return () => {
            tick = undefined
          }
        },
      },
      program: [],
      parts: {
        app: unused,
        foreignAdapter: () => {
          throw new Error('not needed')
        },
        adapters: unused,
        schema: unused,
        starterFile: unused,
        paths: unused,
        copyPolicy: unused,
        known: unused,
      },
    },
    {},
  )
  const view = lineView(session)
  view.begin({ policy: 'p', source: 'a', destination: 'b' }, execution)
  tick?.()
  view.event({ type: 'stage', stage: 'transfer', state: 'started', text: '3 tasks' })
  tick?.()
  view.close()
  expect(interval).toBe(10_000)
  expect(tick).toBeUndefined()
  expect(stderr).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d p {2}a → b\n(\d\d:\d\d:\d\d) transfer {2}3 tasks\n\1 transfer {2}0\/0 {2}0 B of 0 B {2}0 B\/s\n$/,
  )
})

test('on a terminal failures stand above the bars, and the cursor comes back', async () => {
  const { stderr } = await command(['run', '--no-color'], {
    terminal: true,
    events: [
      { type: 'stage', stage: 'transfer', state: 'started', text: '1 task' },
      { type: 'planned', tasks: 1000, bytes: 100 },
      ...Array.from(
        { length: 12 },
        (_, index) => ({ type: 'blob-started', id: String(index), digest, size: 10, name: `blob ${index}` }) as const,
      ),
      { type: 'task', task: { ...task, status: 'failed', error: { code: 'bug', message: 'broken' } } },
      { type: 'stage', stage: 'transfer', state: 'ended', text: '0/1' },
    ],
  })
  expect(stderr.indexOf('✗ hub/library/redis:7 → harbor/mirror/redis:7  broken')).toBeGreaterThan(
    stderr.indexOf('\u001b[?25l'),
  )
  expect(stderr).toContain('0 B of       10 B  blob 7')
  expect(stderr).not.toContain('blob 8')
  expect(stderr).toContain('\u001b[?25h')
})
