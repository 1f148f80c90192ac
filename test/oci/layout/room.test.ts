/** A full disk is noticed before it is filled. */

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../../support/temporary.ts'
import { context, openLayout } from './support.ts'

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

test('a plan is told of a destination that holds other files', async () => {
  const { refused } = await openLayout('/etc').writeRules('a', context)
  expect(refused?.reason).toMatch(/\/etc is not an OCI layout, and not empty/)
})
