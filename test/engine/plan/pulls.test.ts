/** What a plan costs a source that counts pulls. */

import { expect, test } from 'vitest'
import { policyBetween, workplace } from '../../e2e/harness.ts'
import { image, index } from '../../support/images.ts'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

const COUNTED = { headers: { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '90;w=21600' } }

async function scene(options: MemoryRegistryOptions = {}) {
  const [source, destination] = [await registry(options), await registry()]
  for (const tag of ['new', 'same']) source.add('app', index([image({ seed: tag })]), tag)
  destination.add('mirror/app', index([image({ seed: 'same' })]), 'same')
  const pulls = (): number =>
    source.requests.filter(({ method, route }) => method === 'GET' && route === 'manifest').length
  return { pulls, yaml: policyBetween(source.url, destination.url), place: workplace(), source, destination }
}

test('a plan spends no pull of an allowance, says what it has left out, and reads it where that is asked for', async () => {
  const { pulls, yaml, place } = await scene(COUNTED)
  for (const extra of [
    '',
    '    filters: { resource: image }',
    '    filters: { platforms: [linux/amd64], platforms_index: narrow }',
  ]) {
    const plan = await place.plan(`${yaml}${extra}`)
    expect(plan.actions.find(({ source }) => source === 'from/app:new')).toMatchObject({ action: 'copy', bytes: null })
    expect(plan.warnings).toEqual([expect.stringMatching(/^from counts pulls, so no manifests were read: sizes/)])
  }
  expect(pulls()).toBe(0)
  const sized = await place.plan(yaml, { sizes: true })
  expect(sized.actions).toMatchObject([{ action: 'copy', bytes: expect.any(Number) }])
  expect(sized.warnings).toEqual([])
  expect(pulls()).toBe(2)
})

test('a plan of a source that counts nothing has sizes', async () => {
  const { yaml, place } = await scene()
  const plan = await place.plan(yaml)
  expect(plan.actions).toMatchObject([{ action: 'copy', bytes: expect.any(Number) }])
  expect(plan.warnings).toEqual([])
})

test('a plan sends no write to either side', async () => {
  const { source, destination, yaml, place } = await scene()
  destination.add('mirror/app', image({ seed: 'gone' }), 'gone')
  await place.plan(`${yaml}    deletion: mirror\n    max_deletions: 100%`)
  const methods = new Set([...source.requests, ...destination.requests].map(({ method }) => method))
  expect([...methods].sort()).toEqual(['GET', 'HEAD'])
})
