/** The numbers of a run: totals, rates, the time left. */

import { expect, test } from 'vitest'
import { createMeter, type Meter } from '../../../src/cli/render/meter.ts'
import { task } from '../support.ts'

const digest = `sha256:${'0'.repeat(64)}` as const
const MiB = 1024 * 1024

interface Watched {
  readonly meter: Meter
  /** Lets the time pass, and as many bytes of the one blob as there are by then. */
  at(seconds: number, bytes: number): void
}

function watched(size: number): Watched {
  let now = 0
  const meter = createMeter(() => now)
  meter.add({ type: 'planned', tasks: 1, bytes: 0 })
  meter.add({ type: 'stage', stage: 'transfer', state: 'started', text: '' })
  meter.add({ type: 'planned', tasks: 0, bytes: size, task: 1 })
  meter.add({ type: 'blob-started', id: 'a', digest, size, name: 'x' })
  return {
    meter,
    at(seconds, bytes) {
      now = seconds * 1000
      meter.add({ type: 'blob-progress', id: 'a', bytes })
    },
  }
}

test('the rate is a moving average, not that of the last moment', () => {
  const { meter, at } = watched(100 * MiB)
  for (let second = 1; second <= 20; second += 1) at(second, (second <= 15 ? second : 15) * 2 * MiB)
  // The last ten seconds: five at 2 MiB/s, five silent.
  expect(meter.read().rate).toBeCloseTo(MiB, -5)
  expect(meter.read()).toMatchObject({ tasks: 1, done: 0, processed: 30 * MiB, bytes: 100 * MiB, isEstimate: false })
})

test('a blob that fails gives its bytes back, and what was there already counts on neither side', () => {
  const meter = createMeter(() => 0)
  meter.add({ type: 'blob-started', id: 'a', digest, size: 10, name: 'x' })
  meter.add({ type: 'blob-progress', id: 'a', bytes: 5 })
  expect(meter.read().processed).toBe(5)
  meter.add({ type: 'blob-ended', id: 'a', outcome: 'failed', size: 10 })
  expect(meter.read().processed).toBe(0)
  meter.add({ type: 'blob-ended', id: '', outcome: 'present', size: 10 })
  meter.add({ type: 'blob-ended', id: '', outcome: 'mounted', size: 10 })
  expect(meter.read().processed).toBe(0)
})

test('a task counts once, whatever became of it', () => {
  const meter = createMeter(() => 0)
  for (const status of ['failed', 'pending', 'succeeded'] as const) {
    meter.add({ type: 'task', task: { ...task, status } })
  }
  expect(meter.read()).toMatchObject({ done: 1, failed: 0 })
})

test('what an earlier run has sent is progress, and no speed', () => {
  const { meter, at } = watched(100 * MiB)
  meter.add({ type: 'blob-offset', id: 'a', bytes: 80 * MiB })
  for (let second = 1; second <= 5; second += 1) at(second, (80 + second) * MiB)
  expect(meter.read()).toMatchObject({ processed: 85 * MiB, bytes: 100 * MiB })
  expect(meter.read().rate).toBeCloseTo(MiB, 0)
  expect(meter.read().remaining).toBeCloseTo(15_000, -1)
})

test('a blob that begins again counts from where it is', () => {
  const { meter, at } = watched(100 * MiB)
  for (let second = 1; second <= 10; second += 1) at(second, second * MiB)
  meter.add({ type: 'blob-offset', id: 'a', bytes: 4 * MiB })
  for (let second = 11; second <= 20; second += 1) at(second, (second - 6) * MiB)
  expect(meter.read().processed).toBe(14 * MiB)
  expect(meter.read().rate).toBeCloseTo(MiB, 0)
})

test('while it is paused there is neither a rate nor a time left, and the pause is no part of the rate after it', () => {
  const { meter, at } = watched(100 * MiB)
  for (let second = 1; second <= 20; second += 1) at(second, second * MiB)
  meter.add({ type: 'paused', paused: true })
  expect(meter.read()).toMatchObject({ paused: true, rate: undefined, remaining: undefined })
  at(3600, 20 * MiB)
  expect(meter.read()).toMatchObject({ paused: true, rate: undefined, remaining: undefined })
  meter.add({ type: 'paused', paused: false })
  for (let second = 1; second <= 5; second += 1) at(3600 + second, (20 + second) * MiB)
  expect(meter.read().rate).toBeCloseTo(MiB, 0)
})

test('tasks that have not begun are taken to be like those that have, and those that only delete send nothing', () => {
  const meter = createMeter(() => 0)
  meter.add({ type: 'planned', tasks: 110, bytes: 0, bare: 10 })
  expect(meter.read()).toMatchObject({ bytes: 0, isEstimate: false })
  meter.add({ type: 'planned', tasks: 0, bytes: 5 * MiB, task: 1 })
  meter.add({ type: 'planned', tasks: 0, bytes: 1 * MiB, task: 1 })
  meter.add({ type: 'planned', tasks: 0, bytes: 2 * MiB, task: 2 })
  expect(meter.read()).toMatchObject({ bytes: 400 * MiB, isEstimate: true })
  for (let task = 3; task <= 100; task += 1) {
    meter.add({ type: 'planned', tasks: 0, bytes: 4 * MiB, task })
  }
  expect(meter.read()).toMatchObject({ bytes: 400 * MiB, isEstimate: false })
})

/** Bytes by second, each as a run's throttled, shared or busy line had them. */
const curves: Readonly<Record<string, (second: number) => number>> = {
  steady: (second) => second * 8 * MiB,
  'slow at its start': (second) => (second < 6 ? second ** 2 : 36 + (second - 6) * 8) * MiB,
  'in bursts of four seconds': (second) => (Math.floor(second / 4) * 32 + Math.min(second % 4, 1) * 30) * MiB,
  wavy: (second) => (second * 8 + 12 * Math.sin(second / 3)) * MiB,
  'with a silence of five seconds': (second) => (second < 30 ? second : Math.max(30, second - 5)) * 8 * MiB,
}

test.each(Object.entries(curves))(
  'the time left is right within a fifth in the middle of a run that is %s',
  (_, curve) => {
    const seconds = 120
    const size = curve(seconds)
    const { meter, at } = watched(size)
    for (let quarter = 1; quarter <= seconds * 4; quarter += 1) {
      const second = quarter / 4
      at(second, Math.max(0, Math.floor(curve(second))))
      if (second < seconds * 0.35 || second > seconds * 0.65) continue
      const off = (meter.read().remaining ?? Number.NaN) / 1000 / (seconds - second)
      expect(off, `after ${second} s`).toBeGreaterThan(0.8)
      expect(off, `after ${second} s`).toBeLessThan(1.2)
    }
  },
)

test('no rate is shown before there is one', () => {
  const { meter, at } = watched(100 * MiB)
  at(0.25, MiB)
  expect(meter.read()).toMatchObject({ rate: undefined, remaining: undefined })
  at(1, 4 * MiB)
  expect(meter.read().rate).toBeCloseTo(4 * MiB, 0)
})

test('an execution of another process says itself how far it is', () => {
  let now = 0
  const meter = createMeter(() => now)
  const blob = { id: '7', name: 'x', digest, size: 10 * MiB, bytes: 2 * MiB }
  const progress = { tasks: 2, bytes: 20 * MiB, measured: 2, settled: 10 * MiB, blobs: [blob] }
  meter.set({ ...progress, received: 500 * MiB })
  now = 2000
  meter.set({ ...progress, received: 502 * MiB })
  expect(meter.read()).toMatchObject({ processed: 12 * MiB, bytes: 20 * MiB, rate: MiB, remaining: 8000 })
  meter.set({ ...progress, received: 502 * MiB, paused: true })
  expect(meter.read()).toMatchObject({ paused: true, rate: undefined, remaining: undefined })
})
