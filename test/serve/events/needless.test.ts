/** Pushes without a tag: an execution begins for what refers to another artifact, and for nothing else. */

import { expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { until } from '../../e2e/program.ts'
import { image, index, referrer } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'
import { seed } from '../../support/seed.ts'
import { deliveryOf, post, startDaemon } from './sending.ts'

const REPOSITORY = 'team/app'

function yaml(source: MemoryRegistry, destination: MemoryRegistry, more = ''): string {
  return `
registries:
  hub: { type: docker-registry, url: ${source.url}, hook_secret: none }
  mirror: { type: docker-registry, url: ${destination.url} }
policies:
  copy:
    source: { registry: hub }
    destination: { registry: mirror, flatten: 0 }
    filters: { tag: "v*"${more} }
    triggers: [{ event: [push] }]
serve: { listen: 127.0.0.1:0, settle: 50ms }
`
}

const bare = (digest: Digest) => ({ action: 'push' as const, repository: REPOSITORY, digest })

test('an index that is pushed under a tag that is not wanted begins no execution, a signature does', async () => {
  const [source, destination] = [await registry(), await registry()]
  const { url, user, running } = await startDaemon(yaml(source, destination))
  const tell = async (...events: Parameters<typeof deliveryOf>[0]) =>
    expect(await post(url, 'hub', deliveryOf(events))).toBe(202)

  const wanted = await seed(source, REPOSITORY, 'v1', image({ seed: 'wanted' }))
  await tell({ action: 'push', repository: REPOSITORY, tag: 'v1', digest: wanted.digest })
  await until('it is there', async () => (await user.executions()).some(({ status }) => status === 'succeeded'))

  const other = await seed(source, REPOSITORY, 'nightly', index([image({ seed: 'a' }), image({ seed: 'b' })]))
  await tell(...other.children.map(({ digest }) => bare(digest)), {
    action: 'push',
    repository: REPOSITORY,
    tag: 'nightly',
    digest: other.digest,
  })
  const asked = (digest: string) =>
    source.requests.some(({ method, path }) => method === 'GET' && path.endsWith(digest))
  await until('its images were looked at', () => other.children.every(({ digest }) => asked(digest)))

  const signature = await seed(source, REPOSITORY, undefined, referrer(wanted.descriptor))
  await tell(bare(signature.digest))
  const there = () => destination.repositories.get(REPOSITORY)?.manifests.has(signature.digest) === true
  await until('the signature is there', there)
  await until('all have ended', async () => (await user.executions()).every(({ status }) => status === 'succeeded'))
  expect(await user.executions()).toHaveLength(2)
  running.process.kill('SIGTERM')
  expect(await running.ended).toMatchObject({ code: 0 })
})

test('a policy that wants what has no tag runs for it', async () => {
  const [source, destination] = [await registry(), await registry()]
  const { url } = await startDaemon(yaml(source, destination, ', untagged: true'))
  const one = await seed(source, REPOSITORY, undefined, image({ seed: 'untagged' }))
  expect(await post(url, 'hub', deliveryOf([bare(one.digest)]))).toBe(202)
  await until('it is there', () => destination.repositories.get(REPOSITORY)?.manifests.has(one.digest) === true)
})

test('an execution says what is wrong with a source that cannot be looked at', async () => {
  const destination = await registry()
  const source = await registry({ intercept: () => ({ status: 403 }) })
  const { url, user } = await startDaemon(yaml(source, destination))
  expect(await post(url, 'hub', deliveryOf([bare(image({ seed: 1 }).digest)]))).toBe(202)
  await until('it has failed', async () => (await user.executions()).some(({ status }) => status === 'failed'))
})
