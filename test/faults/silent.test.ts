/** Sources that fall silent: for as long as they may, and while their destination breaks. */

import { expect, onTestFinished, test } from 'vitest'
import { policyBetween, workplace } from '../e2e/harness.ts'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

test('the next attempt gets the one connection that the source has', async () => {
  const size = 2 * 2 ** 20
  const artifact = image({ layers: 1, size, seed: 'silent' })
  const source = await startMemoryRegistry()
  let isCut = false
  const destination = await startMemoryRegistry({
    fault({ method, headers }) {
      if (isCut || method !== 'PUT' || Number(headers['content-length']) !== size) return undefined
      isCut = true
      return { resetAfter: size / 4 }
    },
  })
  onTestFinished(async () => {
    await Promise.all([source.close(), destination.close()])
  })
  source.add('app', artifact, 'v1')
  const { blobs } = source.repository('app')
  const [digest, bytes] = [...blobs].find(([, blob]) => 'byteLength' in blob && blob.byteLength === size) ?? []
  if (!digest || !(bytes instanceof Buffer)) throw new Error('the image has no such layer')
  let opened = 0
  blobs.set(digest, {
    size,
    async *open(offset) {
      opened += 1
      if (opened > 1) yield bytes.subarray(offset)
      else {
        yield bytes.subarray(offset, size / 2)
        // Until its connection is closed.
        await new Promise(() => {})
      }
    },
  })
  const yaml = policyBetween(source.url, destination.url).replace(
    source.url,
    `${source.url}, limits: { connections: 1 }`,
  )
  const { outcome } = await workplace().run(yaml)
  expect(outcome.exitCode).toBe(0)
  expect(opened).toBe(2)
  expect(destination.repository('mirror/app').blobs.get(digest)).toEqual(bytes)
})

test('a source may be silent for as long as `idle` says, and no longer', async () => {
  const artifact = image({ layers: 1, seed: 'scanned' })
  const source = await startMemoryRegistry()
  const destination = await startMemoryRegistry()
  onTestFinished(async () => {
    await Promise.all([source.close(), destination.close()])
  })
  source.add('app', artifact, 'v1')
  const { blobs } = source.repository('app')
  const [digest, bytes] = [...blobs].find(([, blob]) => 'byteLength' in blob && blob.byteLength === 1000) ?? []
  if (!digest || !(bytes instanceof Buffer)) throw new Error('the image has no such layer')
  let opened = 0
  blobs.set(digest, {
    size: bytes.byteLength,
    async *open(offset) {
      opened += 1
      yield bytes.subarray(offset, Math.max(offset, 10))
      // Until its connection is closed.
      await new Promise(() => {})
    },
  })
  const yaml = policyBetween(source.url, destination.url).replace(source.url, `${source.url}, limits: { idle: 1s }`)
  const { outcome, tasks } = await workplace().run(yaml)
  expect(outcome.exitCode).toBe(1)
  expect(tasks[0]?.error?.message).toContain('stopped sending')
  // Each attempt costs the whole silence.
  expect(opened).toBe(2)
})
