/** Attestations that BuildKit puts into an index: left out where the source does not have them, or where nobody wants them. */

import { expect, test } from 'vitest'
import { type Artifact, image, index } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { policyBetween, workplace } from './harness.ts'

const linux = (architecture: string) => ({ os: 'linux', architecture })
const amd = image({ seed: 'amd' })
const arm = image({ seed: 'arm', platform: linux('arm64') })

function attestationOf(subject: Artifact): Artifact {
  const built = image({ seed: `of ${subject.digest}`, platform: { os: 'unknown', architecture: 'unknown' } })
  const annotations = {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': subject.digest,
  }
  return { ...built, descriptor: { ...built.descriptor, annotations } }
}

const [ofAmd, ofArm] = [attestationOf(amd), attestationOf(arm)]
const whole = index([amd, arm, ofAmd, ofArm])

/** A source that lacks both attestations, as some caches and vendors do. */
async function lacking(status = 404): Promise<MemoryRegistry> {
  const source = await registry({
    fault: ({ path }) => ([ofAmd, ofArm].some(({ digest }) => path.includes(digest)) ? { status } : undefined),
  })
  source.add('app', whole, 'v1')
  return source
}

function childrenAt(destination: MemoryRegistry): readonly string[] {
  const { tags, manifests } = destination.repository('mirror/app')
  const digest = tags.get('v1')
  const held = digest && manifests.get(digest)
  if (!held) throw new Error('v1 is not there')
  return JSON.parse(Buffer.from(held.bytes).toString()).manifests.map((child: { digest: string }) => child.digest)
}

test('that the source does not have are left out of a narrowed index, with a warning', async () => {
  const [source, destination] = [await lacking(), await registry()]
  const place = workplace()
  const yaml = policyBetween(
    source.url,
    destination.url,
    '    filters: { platforms: [linux/amd64], platforms_index: narrow }',
  )
  expect((await place.plan(yaml)).actions).toMatchObject([{ action: 'copy', platforms: ['linux/amd64'] }])
  const { outcome, logs } = await place.run(yaml)
  expect(outcome.exitCode).toBe(0)
  expect(childrenAt(destination)).toEqual([amd.digest])
  expect(logs.join('\n')).toContain(`attestation ${ofAmd.digest}`)
  expect((await place.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
})

test.each([403, 406])('that the source refuses with %i are left out, too', async (status) => {
  const [source, destination] = [await lacking(status), await registry()]
  const filters = '    filters: { platforms: [linux/amd64], platforms_index: narrow }'
  const { outcome, logs } = await workplace().run(policyBetween(source.url, destination.url, filters))
  expect(outcome.exitCode).toBe(0)
  expect(childrenAt(destination)).toEqual([amd.digest])
  expect(logs.join('\n')).toContain(`attestation ${ofAmd.digest}`)
})

test('fail an image of which all is wanted, and are named', async () => {
  const [source, destination] = [await lacking(), await registry()]
  const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome.exitCode).toBe(1)
  expect(tasks[0]?.error?.message).toMatch(new RegExp(`^source from: .*(${ofAmd.digest}|${ofArm.digest})`))
})

test('stay behind with `attestations: false`, and the next run knows the index', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', whole, 'v1')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, '    filters: { attestations: false }')
  expect((await place.run(yaml)).outcome.exitCode).toBe(0)
  expect(childrenAt(destination)).toEqual([amd.digest, arm.digest])
  source.requests.length = 0
  expect((await place.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
  expect(source.requests.some(({ method, route }) => method === 'GET' && route === 'manifest')).toBe(false)
})

test('travel with the platforms that are wanted', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', whole, 'v1')
  const filters = '    filters: { platforms: [linux/arm64/v8], platforms_index: narrow }'
  await workplace().run(policyBetween(source.url, destination.url, filters))
  expect(childrenAt(destination)).toEqual([arm.digest, ofArm.digest])
})
