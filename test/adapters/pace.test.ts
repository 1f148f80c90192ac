/** The pace of requests to an API that refuses too many. */

import { expect, test } from 'vitest'
import { createPace } from '../../adapters/pace.ts'

const { signal } = new AbortController()

/** A clock whose sleepers wake in order, each at its time. */
function wakingClock() {
  let now = 0
  const sleepers: { readonly until: number; readonly wake: () => void }[] = []
  return {
    monotonic: () => now,
    sleep: (milliseconds: number) =>
      new Promise<void>((wake) => {
        sleepers.push({ until: now + milliseconds, wake })
      }),
    /** Runs until nobody sleeps. */
    async run() {
      for (let turns = 0; turns < 1000; turns += 1) await Promise.resolve()
      for (;;) {
        const first = sleepers.toSorted((a, b) => a.until - b.until)[0]
        if (!first) return now
        sleepers.splice(sleepers.indexOf(first), 1)
        now = Math.max(now, first.until)
        first.wake()
        for (let turns = 0; turns < 100; turns += 1) await Promise.resolve()
      }
    },
  }
}

test('an API that refuses nothing is not waited for', async () => {
  const clock = wakingClock()
  const pace = createPace(clock)
  for (let n = 0; n < 100; n += 1) await pace.turn(signal)
  expect(clock.monotonic()).toBe(0)
})

test('many requests at once get through an API that takes few in a second', async () => {
  const clock = wakingClock()
  const pace = createPace(clock)
  const taken: number[] = []
  let worst = 0
  async function ask(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const since = await pace.turn(signal)
      worst = Math.max(worst, attempt)
      if (taken.filter((at) => at > since - 1000).length < 10) {
        taken.push(since)
        return pace.answered()
      }
      pace.refused(since)
    }
  }
  const all = Promise.all(Array.from({ length: 200 }, ask))
  const end = await clock.run()
  await all
  expect(taken).toHaveLength(200)
  expect(worst).toBeLessThanOrEqual(10)
  // Twenty seconds are the least that the limit allows.
  expect(end).toBeLessThan(60_000)
})

test('requests that were sent together make it wider once', async () => {
  const clock = wakingClock()
  const pace = createPace(clock)
  const since = await Promise.all(Array.from({ length: 20 }, () => pace.turn(signal)))
  expect(new Set(since.map((at) => pace.refused(at)))).toEqual(new Set([50]))
})
