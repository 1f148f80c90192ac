/** A full disk is noticed before it is filled. */

import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { context, finish, openLayout, push } from './support.ts'

const HUGE = { mediaType: '', digest: `sha256:${'0'.repeat(64)}`, size: Number.MAX_SAFE_INTEGER } as const

test.each(['layout', 'images.tar'])('a blob that cannot fit into %s is refused before it is read', async (name) => {
  const layout = openLayout(join(temporaryDirectory(), name))
  const write = layout.repository('a').writeBlob(HUGE, () => Promise.reject(new Error('it was read')), context)
  await expect(write).rejects.toMatchObject({
    code: 'storage',
    message: expect.stringMatching(/^cannot write .*: no space left on the file system of \//),
    hint: expect.stringMatching(/are needed and .* are free/),
  })
  await layout.close()
})

test.each(['layout', 'images.tar'])('a plan is told how much fits into %s, which need not exist', async (name) => {
  const path = join(temporaryDirectory(), 'not', 'yet', name)
  const { quota, refused } = await openLayout(path).writeRules('a', context)
  expect(refused).toBeUndefined()
  expect(quota?.bytesLeft).toBeGreaterThan(0)
})

test('a plan is told that a tar, when something is added, is written anew beside itself', async () => {
  const path = join(temporaryDirectory(), 'images.tar')
  const layout = openLayout(path)
  await push(layout.repository('a'), image(), '1')
  await finish(layout)
  const before = (await openLayout(path).writeRules('a', context)).quota?.bytesLeft ?? 0
  // A hole: it takes no room itself.
  truncateSync(path, 2 ** 40)
  const left = (await openLayout(path).writeRules('a', context)).quota?.bytesLeft ?? -1
  expect(left).toBeGreaterThanOrEqual(0)
  expect(left).toBeLessThanOrEqual(Math.max(0, before - 2 ** 39))
})

test('a plan is told of a destination that holds other files', async () => {
  const { refused } = await openLayout('/etc').writeRules('a', context)
  expect(refused?.reason).toMatch(/\/etc is not an OCI layout, and not empty/)
})
