/** A part of a blob that the destination has costs just that part. */

import { expect, test } from 'vitest'
import { image } from '../../support/images.ts'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { asked, bodyOf, policies, registry, startGateway } from './gateway.ts'

const SIZE = 20_000_000

/** A layer at the destination, and what a client gets of it. */
async function there(options: MemoryRegistryOptions = {}) {
  const [source, destination] = [await registry(), await registry(options)]
  const app = image({ layers: 1, size: SIZE })
  const [digest, bytes] = [...app.blobs].at(-1) ?? []
  if (!digest || !bytes) throw new Error('no layer')
  source.add('team/app', app, '1.0')
  destination.add('mirror/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  return {
    bytes,
    async part(range: string) {
      const answer = await gateway.get(`team/app/blobs/${digest}`, { headers: { range } })
      return [answer.status, await bodyOf(answer)] as const
    },
    /** Bytes of the layer that the destination has sent. */
    sent: () => {
      const reads = asked(destination).filter(({ method, path }) => method === 'GET' && path.endsWith(digest))
      return reads.reduce((sum, { bytesOut }) => sum + bytesOut, 0)
    },
  }
}

test('no more is read at the destination than the part that a client wants', async () => {
  const { bytes, part, sent } = await there()
  for (const [range, first, end] of [
    ['bytes=0-0', 0, 1],
    ['bytes=1000-1999', 1000, 2000],
    ['bytes=-5', SIZE - 5, SIZE],
  ] as const) {
    const [status, got] = await part(range)
    expect([range, status, got.equals(bytes.subarray(first, end))]).toEqual([range, 206, true])
  }
  expect(sent()).toBe(1 + 1000 + 5)
})

test('a destination that knows no ranges gives the part all the same', async () => {
  const { bytes, part } = await there({ ignoreRange: true })
  const [status, got] = await part('bytes=0-9')
  expect([status, got.equals(bytes.subarray(0, 10))]).toEqual([206, true])
})
