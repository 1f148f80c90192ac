/** Scaleway's registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { connect } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { startScaleway } from '../fakes/scaleway.ts'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

describeAdapter('scaleway', () => startScaleway(), {
  identity: 'scaleway',
  listing: /^GET \/registry\/v1\/regions\/fr-par\/images\/[^/]+\/tags/,
  wrong: { REPLICATE_IT_TOKEN: 'wrong' },
  thousand: 12,
  create: 'namespace',
  creation: {
    namespace: 'made',
    lookup: /^GET \/registry\/v1\/regions\/fr-par\/namespaces/,
    absent: { status: 200, body: '{"namespaces":[],"total_count":0}' },
  },
})

test('creates a namespace in the project that is named, as public as the policy says', async () => {
  const it = await startScaleway()
  onTestFinished(() => it.close())
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ensureNamespace?.('open/below', { public: true }, ctx)
  expect(it.namespaces.get('open')).toBe(true)
  await expect(endpoint.adapter.ensureNamespace?.('taken', { public: false }, ctx)).rejects.toMatchObject({
    status: 409,
  })
  const { project_id: _, ...options } = it.registry.options ?? {}
  const other = await connect({ ...it, registry: { ...it.registry, options } })
  await expect(other.endpoint.adapter.ensureNamespace?.('fresh', { public: false }, other.ctx)).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('project_id'),
  })
})

test('a policy runs from it and back', async () => {
  const it = await startScaleway()
  onTestFinished(() => it.close())
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  it.content.add('contract/app', image(), 'v1')
  const work = workplace({ ...it.env })
  expect((await work.run(policyWith(it, mine.url, 'it/contract/*', 'mine/mirror'))).outcome.exitCode).toBe(0)
  const back = policyWith(it, mine.url, 'mine/mirror/app', 'it/fresh')
  expect((await work.run(back)).outcome.exitCode).toBe(0)
  expect([...it.content.repository('fresh/app').tags.keys()]).toEqual(['v1'])
})
