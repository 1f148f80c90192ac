/** Source, clients and destination each have a pace of their own. */

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { computeDigest } from '../../../src/core/manifest.ts'
import { image } from '../../support/images.ts'
import type { Fault, LoggedRequest } from '../../support/memory-registry.ts'
import { asked, bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const SIZE = 6_000_000

function layerOf(app: ReturnType<typeof image>): string {
  const [digest] = [...app.blobs].at(-1) ?? []
  if (!digest) throw new Error('no layer')
  return digest
}

test('a destination that never takes a blob does not keep clients from it', async () => {
  const app = image({ layers: 1, size: SIZE })
  const digest = layerOf(app)
  const source = await registry()
  const destination = await registry({
    fault: ({ method, path }: LoggedRequest): Fault | undefined =>
      method === 'POST' && path.includes('/blobs/uploads/') ? { hang: true } : undefined,
  })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  for (let client = 0; client < 2; client += 1) {
    expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  }
  expect(destination.repository('mirror/app').blobs.size).toBe(0)
})

test('a destination that breaks off in the middle of a blob gets the rest, and the source is read once', async () => {
  const app = image({ layers: 1, size: SIZE })
  const digest = layerOf(app)
  const source = await registry()
  let cuts = 0
  const destination = await registry({
    fault({ method }: LoggedRequest): Fault | undefined {
      if ((method !== 'PUT' && method !== 'PATCH') || cuts >= 3) return undefined
      cuts += 1
      return { resetAfter: 1_000_000 }
    },
  })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination), { timing: { random: () => 0 } })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  expect(await pulled(gateway)).toEqual([0])
  expect([cuts, asked(source).filter(({ method, path }) => method === 'GET' && path.endsWith(digest)).length]).toEqual([
    3, 1,
  ])
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('a client that asks for one manifest again and again does not hold the rest of the artifact back', async () => {
  const app = image({ layers: 1 })
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  let isOver = false
  const asking = (async () => {
    while (!isOver) {
      await bodyOf(await gateway.get('team/app/manifests/1.0'))
      await setTimeout(50)
    }
  })()
  try {
    expect(await pulled(gateway)).toEqual([0])
  } finally {
    isOver = true
    await asking
  }
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('clients that take nothing of what the destination has leave its connections to others', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: SIZE * 4 })
  const digest = layerOf(app)
  source.add('team/app', app, '1.0')
  destination.add('mirror/app', app, '1.0')
  const few = policies(source, destination).replace('mine: {', 'mine: {limits: {connections: 4}, ')
  const gateway = await startGateway(few)
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const opened = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      httpRequest(`${gateway.url}/v2/team/app/blobs/${digest}`, resolve).on('error', reject).end()
    })
  const stalled = await Promise.all(Array.from({ length: 6 }, opened))
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  // One of them goes on, and gets all.
  const [one] = stalled
  const parts: Buffer[] = []
  for await (const part of one ?? []) parts.push(part)
  expect(computeDigest(Buffer.concat(parts))).toBe(digest)
  for (const other of stalled) other.destroy()
  expect(asked(source).filter(({ route }) => route === 'blob')).toEqual([])
})
