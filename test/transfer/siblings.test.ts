/** Tasks for one artifact that read its blobs together, and what becomes of one that hangs. */

import { expect, test } from 'vitest'
import type { Bytes } from '../../src/core/content.ts'
import { type Leader, type Share, Siblings } from '../../src/transfer/siblings.ts'

const blob = { mediaType: '', digest: 'sha256:00', size: 4 } as const

/** A source of 20 bytes, and slots: how often it was opened, and how many slots of which kind are taken. */
function place() {
  const seen = { opened: 0, shared: 0, alone: 0 }
  const open = async (): Promise<Bytes> => {
    seen.opened += 1
    return (async function* () {
      for (let at = 0; at < 5; at += 1) yield Buffer.alloc(4, at)
    })()
  }
  const leader: Leader = {
    open,
    isHeld: () => false,
    async holdSlot(isShared, work) {
      seen[isShared ? 'shared' : 'alone'] += 1
      await work()
      seen[isShared ? 'shared' : 'alone'] -= 1
    },
  }
  return { seen, leader }
}

async function lengthOf(bytes: Bytes | undefined): Promise<number> {
  let length = 0
  if (bytes) for await (const chunk of bytes) length += chunk.byteLength
  return length
}

test('read a blob of one artifact once', async () => {
  const siblings = new Siblings()
  const { seen, leader } = place()
  const lengths: number[] = []
  const members = [{}, {}, {}]
  for (const member of members) siblings.enter('app@v1', member)
  await Promise.all(
    members.map((member) =>
      siblings.share('app@v1', blob, member, leader, async (share) => {
        lengths.push(await lengthOf(share?.read()))
      }),
    ),
  )
  expect(lengths).toEqual([20, 20, 20])
  expect(seen).toEqual({ opened: 1, shared: 0, alone: 0 })
})

test('go on without one that hangs, which then does its part alone and in a slot of its own', async () => {
  const siblings = new Siblings(1)
  const { seen, leader } = place()
  const [hanging, healthy] = [{}, {}]
  siblings.enter('app@v1', hanging)
  siblings.enter('app@v1', healthy)
  const revived = Promise.withResolvers<void>()
  const shares: (Share | undefined)[] = []
  const frozen = siblings.share('app@v1', blob, hanging, leader, async (share) => {
    shares.push(share)
    if (!share) return revived.promise
    const reading = share.read()?.[Symbol.asyncIterator]()
    await reading?.next()
    await new Promise((_, reject) => share.leftBehind.addEventListener('abort', () => reject(share.leftBehind.reason)))
  })
  let length = 0
  await siblings.share('app@v1', blob, healthy, leader, async (share) => {
    length = await lengthOf(share?.read())
  })
  expect(length).toBe(20)
  await expect.poll(() => seen).toEqual({ opened: 1, shared: 0, alone: 1 })
  revived.resolve()
  await frozen
  expect(shares.map((share) => share === undefined)).toEqual([false, true])
})

test('a member whose work fails for another reason fails', async () => {
  const siblings = new Siblings()
  const { leader } = place()
  const members = [{}, {}]
  for (const member of members) siblings.enter('app@v1', member)
  const results = await Promise.allSettled(
    members.map((member, at) =>
      siblings.share('app@v1', blob, member, leader, async (share) => {
        if (at === 0) throw new Error('refused')
        await lengthOf(share?.read())
      }),
    ),
  )
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
})
