/** Work on streams of things: how much at once, and that nothing goes on behind a failure. */

import { expect, test, vi } from 'vitest'
import { forEachConcurrent, mapConcurrent, Pool } from '../../src/core/concurrent.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Work that notes how much of it runs; the things in `failing` fail. */
function workers(failing: readonly number[] = []) {
  const seen = { running: 0, most: 0, begun: 0 }
  const work = async (thing: number): Promise<number> => {
    seen.begun += 1
    seen.running += 1
    seen.most = Math.max(seen.most, seen.running)
    for (let turns = 0; turns < 5; turns += 1) await turn()
    seen.running -= 1
    if (failing.includes(thing)) throw new Error(`${thing} failed`)
    return thing * 10
  }
  return { seen, work }
}

function* numbers(count: number, broken = false): Iterable<number> {
  for (let number = 1; number <= count; number += 1) yield number
  if (broken) throw new Error('the list broke off')
}

const consumers = {
  async mapConcurrent(things: Iterable<number>, work: (thing: number) => Promise<number>) {
    const results: number[] = []
    for await (const result of mapConcurrent(things, 3, work)) results.push(result)
    return results
  },
  async forEachConcurrent(things: Iterable<number>, work: (thing: number) => Promise<number>) {
    const results: number[] = []
    await forEachConcurrent(things, 3, async (thing) => {
      results.push(await work(thing))
    })
    return results
  },
}

test.each(Object.entries(consumers))('%s does each thing once, no more of them at once than it may', async (_, run) => {
  const { seen, work } = workers()
  expect(await run(numbers(8), work)).toEqual([10, 20, 30, 40, 50, 60, 70, 80])
  expect(seen).toMatchObject({ most: 3, begun: 8 })
})

test.each(Object.entries(consumers))('%s fails once nothing of it runs any more', async (_, run) => {
  const { seen, work } = workers([2])
  await expect(run(numbers(8), work)).rejects.toThrow('2 failed')
  expect(seen.running).toBe(0)
  expect(seen.begun).toBeLessThan(8)
})

test.each(Object.entries(consumers))('%s waits for what runs where the list of things breaks off', async (_, run) => {
  const { seen, work } = workers()
  await expect(run(numbers(2, true), work)).rejects.toThrow('the list broke off')
  expect(seen).toMatchObject({ running: 0, begun: 2 })
})

test('whoever stops reading results waits for those under way', async () => {
  const { seen, work } = workers()
  for await (const _ of mapConcurrent(numbers(8), 3, work)) break
  expect(seen.running).toBe(0)
})

test('one long piece of work does not remember all the short ones', async () => {
  const pool = new Pool()
  const long = Promise.withResolvers<void>()
  const reactions = vi.spyOn(long.promise, 'then')
  pool.add(long.promise)
  for (let count = 0; count < 100; count += 1) {
    pool.add(turn())
    await pool.nextEnd
  }
  expect(reactions.mock.calls.length).toBeLessThan(3)
  long.resolve()
  await pool.drained()
  expect(pool.running).toBe(0)
})
