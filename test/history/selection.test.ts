import { expect, test } from 'vitest'
import type { Digest } from '../../src/core/descriptor.ts'
import { open, temporaryDirectory } from './setup.ts'

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`

test('content keeps the time at which it was first seen, in its repository of its registry', async () => {
  let now = 1000
  const history = await open(undefined, { clock: { now: () => now } })
  expect([...history.firstSeen.times('https://a', 'app', [digest('a')])]).toEqual([[digest('a'), 1000]])
  now = 2000
  expect([...history.firstSeen.times('https://a', 'app', [digest('b'), digest('a')])].sort()).toEqual([
    [digest('a'), 1000],
    [digest('b'), 2000],
  ])
  expect(history.firstSeen.times('https://b', 'app', [digest('a')]).get(digest('a'))).toBe(2000)
  expect(history.firstSeen.times('https://a', 'other', [digest('a')]).get(digest('a'))).toBe(2000)
})

test('a history that is only read tells what was seen, and keeps nothing', async () => {
  const directory = temporaryDirectory()
  const writer = await open(directory, { clock: { now: () => 1000 } })
  writer.firstSeen.times('https://a', 'app', [digest('a')])
  writer.narrowed.keep(digest('a'), ['linux/amd64'], { digest: digest('b') })
  const reader = await open(directory, { readonly: true })
  expect([...reader.firstSeen.times('https://a', 'app', [digest('a'), digest('c')])]).toEqual([[digest('a'), 1000]])
  expect(reader.narrowed.find(digest('a'), ['linux/amd64'])).toEqual({ digest: digest('b') })
  reader.narrowed.keep(digest('c'), ['linux/amd64'], { digest: digest('d') })
  expect(writer.narrowed.find(digest('c'), ['linux/amd64'])).toBeUndefined()
})

test('a narrowed index is known by its platforms, in any order', async () => {
  const history = await open()
  expect(history.narrowed.find(digest('a'), ['linux/amd64'])).toBeUndefined()
  history.narrowed.keep(digest('a'), ['linux/arm64', 'linux/amd64'], { digest: digest('b') })
  expect(history.narrowed.find(digest('a'), ['linux/amd64', 'linux/arm64'])).toEqual({ digest: digest('b') })
  expect(history.narrowed.find(digest('a'), ['linux/amd64'])).toBeUndefined()
})

test('an index that nothing is left of is known as that', async () => {
  const history = await open()
  history.narrowed.keep(digest('a'), ['linux/amd64'], {})
  expect(history.narrowed.find(digest('a'), ['linux/amd64'])).toEqual({})
})

const DAY = 24 * 60 * 60 * 1000

test('what is first seen is remembered for as long as it is asked for, and forgotten 90 days later', async () => {
  const directory = temporaryDirectory()
  let now = DAY
  /** As a process of its own: forgetting happens once for each. */
  const seen = async (...letters: string[]) => {
    const history = await open(directory, { clock: { now: () => now } })
    return [...history.firstSeen.times('https://a', 'app', letters.map(digest)).values()]
  }
  expect(await seen('a', 'b')).toEqual([DAY, DAY])
  now = 80 * DAY
  expect(await seen('a')).toEqual([DAY])
  now = 160 * DAY
  expect(await seen('a', 'b', 'c')).toEqual([DAY, now, now])
})

test('a narrowed index is remembered for as long as it is used, and forgotten 90 days later', async () => {
  const directory = temporaryDirectory()
  let now = DAY
  const opened = () => open(directory, { clock: { now: () => now } })
  const platforms = ['linux/amd64']
  const first = await opened()
  first.narrowed.keep(digest('a'), platforms, { digest: digest('b') })
  first.narrowed.keep(digest('c'), platforms, {})
  now = 80 * DAY
  expect((await opened()).narrowed.find(digest('a'), platforms)).toEqual({ digest: digest('b') })
  now = 160 * DAY
  const last = await opened()
  last.narrowed.keep(digest('d'), platforms, {})
  expect(last.narrowed.find(digest('a'), platforms)).toEqual({ digest: digest('b') })
  expect(last.narrowed.find(digest('c'), platforms)).toBeUndefined()
})
