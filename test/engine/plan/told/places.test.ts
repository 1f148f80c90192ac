/** A run of events between other places than two registries: charts, directories, several destinations, and sources with labels. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ArtifactEvent } from '../../../../src/core/requests.ts'
import { workplace } from '../../../e2e/harness.ts'
import { startHelmHttp } from '../../../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../../../support/charts.ts'
import { image, index, referrer } from '../../../support/images.ts'
import { registry } from '../../../support/registries.ts'
import { temporaryDirectory } from '../../../support/temporary.ts'
import { destinationsOf, endpoint, memoryRegistry, planOf, policyOf } from '../../setup.ts'

function push(repository: string, tag: string): ArtifactEvent {
  return { action: 'push', repository, tag }
}

test('a chart of a classic repository is copied by itself, and deleted where it is gone', async () => {
  const from = await startHelmHttp()
  onTestFinished(() => from.close())
  const charts = ['1.0.0', '1.1.0', '2.0.0+b.1'].map((version) => chart('app', version))
  for (const one of charts) from.files.set(one.file, one.archive)
  const publish = (versions: typeof charts): void => {
    from.files.set('index.yaml', Buffer.from(indexOf(versions.map((one) => entryOf(one)))))
  }
  publish(charts)
  const destination = await registry()
  const yaml = `
registries:
  from: { type: helm-http, url: "${from.url}" }
  to: { type: docker-registry, url: "${destination.url}" }
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: charts }
    deletion: events
`
  const place = workplace()
  const first = await place.run(yaml, { events: [push('app', '1.1.0'), push('app', '2.0.0_b.1')], trigger: 'poll' })
  expect(first.outcome).toMatchObject({ exitCode: 0, execution: { succeed: 2 } })
  const tags = destination.repository('charts/app').tags
  expect([...tags.keys()].sort()).toEqual(['1.1.0', '2.0.0_b.1'])
  publish(charts.slice(0, 2))
  const gone: ArtifactEvent = { action: 'delete', repository: 'app', tag: '2.0.0_b.1' }
  expect((await place.run(yaml, { events: [gone], trigger: 'poll' })).outcome.exitCode).toBe(0)
  expect([...tags.keys()]).toEqual(['1.1.0'])
})

test('a directory gets the tag, and loses it', async () => {
  const source = await registry()
  for (const tag of ['v1', 'v2']) source.add('app', image({ seed: tag }), tag)
  const directory = join(temporaryDirectory(), 'layout')
  const yaml = `
registries:
  from: { type: docker-registry, url: "${source.url}" }
  to: { type: oci-layout, path: "${directory}" }
policies:
  copy: { source: { registry: from }, destination: { registry: to }, deletion: events }
`
  const place = workplace()
  const named = (): readonly string[] => {
    const { manifests } = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8'))
    const names = manifests.map(({ annotations }: { annotations?: Record<string, string> }) =>
      Object.values(annotations ?? {}).join(' '),
    )
    return names.filter((name: string) => /v\d/.test(name))
  }
  expect((await place.run(yaml, { events: [push('app', 'v1'), push('app', 'v2')] })).outcome.exitCode).toBe(0)
  expect(named()).toHaveLength(2)
  source.repository('app').tags.delete('v1')
  const { outcome } = await place.run(yaml, { events: [{ action: 'delete', repository: 'app', tag: 'v1' }] })
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  expect(named()).toEqual([expect.stringContaining('v2')])
})

test('each of several destinations gets the tag, and loses it', async () => {
  const [source, a, b] = [await registry(), await registry(), await registry()]
  for (const tag of ['v1', 'v2']) source.add('app', image({ seed: tag }), tag)
  const yaml = `
registries:
  from: { type: docker-registry, url: "${source.url}" }
  a: { type: docker-registry, url: "${a.url}" }
  b: { type: docker-registry, url: "${b.url}" }
policies:
  copy:
    source: { registry: from }
    destination: [a/one, { registry: b, namespace: two, flatten: 0 }]
    deletion: mirror
`
  const place = workplace()
  const places = [() => a.repository('one/app').tags, () => b.repository('two/app').tags]
  await place.run(yaml)
  source.add('app', image({ seed: 'v3' }), 'v3')
  source.repository('app').tags.delete('v1')
  const { outcome } = await place.run(yaml, {
    events: [push('app', 'v3'), { action: 'delete', repository: 'app', tag: 'v1' }],
  })
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 4, unchanged: 0 } })
  for (const tags of places) expect([...tags().keys()].sort()).toEqual(['v2', 'v3'])
})

test('a narrowed index stays unchanged, and a signature of one of its children follows it', async () => {
  const [source, destination] = [await registry(), await registry()]
  const arm = image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } })
  const amd = image({ seed: 'amd', platform: { os: 'linux', architecture: 'amd64' } })
  source.add('app', index([arm, amd]), 'v1')
  const yaml = `
registries:
  from: { type: docker-registry, url: "${source.url}" }
  to: { type: docker-registry, url: "${destination.url}" }
policies:
  copy:
    source: { registry: from }
    destination: { registry: to }
    filters: { platforms: [linux/amd64], platforms_index: narrow }
`
  const place = workplace()
  const events = [push('app', 'v1')]
  expect((await place.run(yaml, { events })).outcome.execution).toMatchObject({ succeed: 1 })
  expect((await place.run(yaml, { events })).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
  const signature = referrer(amd.descriptor)
  source.add('app', signature)
  const late = await place.run(yaml, { events: [{ action: 'push', repository: 'app', digest: signature.digest }] })
  expect(late.outcome).toMatchObject({ exitCode: 0, execution: { total: 1, succeed: 1 } })
  expect(destination.repository('app').manifests.has(signature.digest)).toBe(true)
})

test('labels are read from the list of the one repository, also where the event names only a digest', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  const images = ['v1', 'v2', 'v3'].map((tag) => ({ tag, ...image({ seed: tag }) }))
  for (const one of images) source.add('app', one, one.tag)
  const asked: string[] = []
  const from = endpoint('from', source, { filters: ['name', 'tag', 'label'] }, (repository) => {
    asked.push(repository)
    return images.map(({ tag, digest, mediaType }) => ({
      tag,
      digest,
      mediaType,
      labels: tag === 'v3' ? [] : ['approved'],
    }))
  })
  const policy = policyOf({ filters: { label: ['approved'] } })
  const planned = async (...events: readonly ArtifactEvent[]) =>
    destinationsOf((await planOf(policy, from, endpoint('to', destination), { events })).tasks)
  expect(await planned(push('app', 'v1'), push('app', 'v3'))).toEqual(['mirror/app:v1'])
  const digest = images[1]?.digest
  if (!digest) throw new Error('no image')
  expect(await planned({ action: 'label', repository: 'app', digest })).toEqual(['mirror/app:v1', 'mirror/app:v2'])
  expect(asked).toEqual(['app', 'app'])
})

test('a repository that the destination must create first is created', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('app', image({ seed: 1 }), 'v1')
  const to = endpoint('to', destination)
  const creating = { ...to, adapter: { ...to.adapter, ensureRepository: async () => {} } }
  const { tasks } = await planOf(policyOf(), endpoint('from', source), creating, { events: [push('app', 'v1')] })
  expect(tasks).toMatchObject([{ action: 'copy', new_repository: true }])
})
