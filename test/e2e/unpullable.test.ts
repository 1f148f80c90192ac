/** A destination that takes an image and lets no one pull it (412), as a registry does that wants signatures. */

import { afterEach, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { policyBetween, workplace } from './harness.ts'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

/** `isThere`: the tag was pushed by somebody else already. */
async function sides(isThere = false): Promise<{ source: MemoryRegistry; destination: MemoryRegistry }> {
  const source = await startMemoryRegistry()
  const destination: MemoryRegistry = await startMemoryRegistry({
    fault: ({ method, path }) => {
      const isPull = ['GET', 'HEAD'].includes(method) && path === '/v2/mirror/app/manifests/v1'
      return isPull && destination.repository('mirror/app').tags.has('v1') ? { status: 412 } : undefined
    },
  })
  opened.push(source, destination)
  source.add('app', image(), 'v1')
  if (isThere) destination.add('mirror/app', image({ seed: 'of another' }), 'v1')
  return { source, destination }
}

test('what the policy put there is known again, and what moved at the source is copied', async () => {
  const { source, destination } = await sides()
  const here = workplace()
  const policy = policyBetween(source.url, destination.url)
  expect((await here.run(policy)).outcome.execution).toMatchObject({ succeed: 1, failed: 0 })
  const again = await here.run(policy)
  expect(again.outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
  expect(again.logs.join('\n')).toContain(
    'to/mirror/app:v1 may not be pulled, so it is taken for what this policy put there last',
  )
  const moved = image({ seed: 'moved' })
  source.add('app', moved, 'v1')
  expect((await here.run(policy)).outcome.execution).toMatchObject({ succeed: 1 })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(moved.digest)
})

test('what is there already, put by no execution known, is copied again, but not where override is false', async () => {
  const { source, destination } = await sides(true)
  const before = destination.repository('mirror/app').tags.get('v1')
  const kept = await workplace().run(policyBetween(source.url, destination.url, '    override: false'))
  expect(kept.outcome.execution).toMatchObject({ failed: 1 })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(before)
  const taken = await workplace().run(policyBetween(source.url, destination.url))
  expect(taken.outcome.execution).toMatchObject({ succeed: 1 })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(image().digest)
})

test('what has no tag and may not be pulled is there, since the registry says so of its digest', async () => {
  const source = await startMemoryRegistry()
  const built = image()
  let there = false
  const destination = await startMemoryRegistry({
    fault: ({ method, path }) =>
      there && method === 'HEAD' && path.includes(built.digest) ? { status: 412 } : undefined,
  })
  opened.push(source, destination)
  source.add('app', built)
  const here = workplace()
  const policy = policyBetween(source.url, destination.url).replace(
    'source: { registry: from }',
    `source: "from/app@${built.digest}"`,
  )
  expect((await here.run(policy)).outcome.execution).toMatchObject({ succeed: 1, failed: 0 })
  there = true
  expect((await here.run(policy)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
})
