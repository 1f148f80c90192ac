/** Registries that do not see content yet: what was just pushed, or what was not yet pulled by its tag. */

import { expect, test } from 'vitest'
import { image, index } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween, workplace } from './harness.ts'

const list = index([image({ seed: 'a' }), image({ seed: 'b', platform: { os: 'linux', architecture: 'arm64' } })])

/** A clock that does not wait. */
function instantly() {
  let now = Date.now()
  const sleep = async (milliseconds: number): Promise<void> => {
    now += milliseconds
  }
  return { clock: { now: () => now, monotonic: () => now, sleep } }
}

test.each(['BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN'])(
  'an index whose children the destination does not see yet (%s) is written by a later attempt of its task',
  async (code) => {
    let refusals = 3
    const destination = await registry({
      fault: ({ method, route, path }) => {
        if (method !== 'PUT' || route !== 'manifest' || !path.endsWith('/v1') || refusals === 0) return undefined
        refusals -= 1
        return { status: 400, body: JSON.stringify({ errors: [{ code }] }) }
      },
    })
    const source = await registry()
    source.add('app', list, 'v1')
    const yaml = policyBetween(source.url, destination.url).replace('attempts: 1', 'attempts: 3')
    const { tasks } = await workplace({}, instantly()).run(yaml)
    // Each attempt writes it twice.
    expect(tasks).toMatchObject([{ status: 'succeeded', attempts: 2 }])
    const uploads = destination.requests.filter(({ method, route }) => method === 'POST' && route === 'upload')
    // Only manifests are written again: the blobs are there.
    expect(uploads).toHaveLength(new Set(list.children.flatMap(({ blobs }) => [...blobs.keys()])).size)
  },
)

test('a manifest that a cache knows only by its tag is read by its tag', async () => {
  let isPulled = false
  const source = await registry({
    fault: ({ method, route, path }) => {
      if (method !== 'GET' || route !== 'manifest') return undefined
      if (path.endsWith('/v1')) isPulled = true
      return isPulled ? undefined : { status: 404 }
    },
  })
  const destination = await registry()
  source.add('app', list, 'v1')
  destination.add('mirror/app', image({ seed: 'old' }), 'v1')
  const { tasks } = await workplace().run(policyBetween(source.url, destination.url))
  expect(tasks).toMatchObject([{ action: 'update', status: 'succeeded' }])
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(list.digest)
})
