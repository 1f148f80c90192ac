import { expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import { image } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { destinationsOf, endpoint, memoryRegistry, planOf, policyOf } from '../setup.ts'

const made = (seed: string, time?: string) =>
  image({ seed, ...(time ? { annotations: { 'org.opencontainers.image.created': time } } : {}) })

async function tagsOf(source: MemoryRegistry, fields: Parameters<typeof policyOf>[0], infos?: readonly TagInfo[]) {
  const destination = await memoryRegistry()
  const from = endpoint('from', source, {}, infos && (() => infos))
  const planned = await planOf(policyOf(fields), from, endpoint('to', destination))
  return { ...planned, tags: planned.tasks.map((task) => task.destination.tag) }
}

test('newest counts versions where all tags are versions', async () => {
  const source = await memoryRegistry()
  for (const tag of ['1.9', '1.10', 'v1.2', '0.1']) source.add('app', made(tag, '2024-01-01'), tag)
  const { tags, explanations } = await tagsOf(source, { filters: { newest: 2 } })
  expect(tags).toEqual(['1.9', '1.10'])
  expect(explanations).toContainEqual({ resource: 'from/app:v1.2', kept: false, rule: 'newest: 2' })
})

test('newest goes by the time that images say where a tag is no version', async () => {
  const source = await memoryRegistry()
  source.add('app', made('a', '2024-03-01T00:00:00Z'), '1.0')
  source.add('app', made('b', '2024-01-01T00:00:00Z'), '2.0')
  source.add('app', made('c', '2024-02-01T00:00:00Z'), 'edge')
  const { tags } = await tagsOf(source, { filters: { newest: 2 } })
  expect(tags).toEqual(['edge', '1.0'])
})

test('a time that the listing tells is taken before what the image says', async () => {
  const source = await memoryRegistry()
  const [old, young] = [made('a', '2024-03-01T00:00:00Z'), made('b', '2024-01-01T00:00:00Z')]
  source.add('app', old, 'x')
  source.add('app', young, 'y')
  const infos: TagInfo[] = [
    { tag: 'x', digest: old.digest, mediaType: old.mediaType, pushed: new Date('2025-01-01') },
    { tag: 'y', digest: young.digest, mediaType: young.mediaType, pushed: new Date('2025-02-01') },
  ]
  const { tags } = await tagsOf(source, { filters: { newest: 1 } }, infos)
  expect(tags).toEqual(['y'])
})

test('a tag whose time nobody knows counts as oldest, with a warning', async () => {
  const source = await memoryRegistry()
  source.add('app', made('a'), 'unknown')
  source.add('app', made('b', '2024-01-01T00:00:00Z'), 'edge')
  const { tags, logs } = await tagsOf(source, { filters: { newest: 1 } })
  expect(tags).toEqual(['edge'])
  expect(logs).toContain('the time of tag unknown is unknown, it counts as oldest')
})

test('newest is counted after the other filters, for each repository', async () => {
  const source = await memoryRegistry()
  for (const repository of ['a', 'b']) {
    for (const tag of ['1.0', '1.1', '2.0', '2.1-rc1']) source.add(repository, made(`${repository}${tag}`), tag)
  }
  const { tasks } = await tagsOf(source, { filters: { newest: 1, exclude: { tag: ['*-rc*', '2.*'] } } })
  expect(destinationsOf(tasks)).toEqual(['mirror/a:1.1', 'mirror/b:1.1'])
})

test('the oldest goes first, and with order: newest the newest', async () => {
  const source = await memoryRegistry()
  for (const tag of ['1.10', '1.9', '1.1']) source.add('app', made(tag), tag)
  expect((await tagsOf(source, {})).tags).toEqual(['1.1', '1.9', '1.10'])
  expect((await tagsOf(source, { order: 'newest' })).tags).toEqual(['1.10', '1.9', '1.1'])
})

test('a catalogue is filtered by name and namespace, and every repository is explained', async () => {
  const source = await memoryRegistry()
  for (const name of ['team/app', 'team/db', 'other/app']) source.add(name, made(name), 'v1')
  const { tasks, explanations } = await tagsOf(source, { namespaces: ['team'], filters: { name: ['**/app'] } })
  expect(destinationsOf(tasks)).toEqual(['mirror/team/app:v1'])
  expect(explanations).toContainEqual({ resource: 'from/team/db', kept: false, rule: 'name: **/app' })
  expect(explanations).toContainEqual({ resource: 'from/other/app', kept: false, rule: 'namespaces: team' })
})

test('artifacts without a tag are taken only where they are asked for, by digest', async () => {
  const source = await memoryRegistry()
  const loose = made('loose')
  source.add('app', loose)
  source.add('app', made('tagged'), 'v1')
  const infos: TagInfo[] = [
    { tag: 'v1', digest: made('tagged').digest, mediaType: loose.mediaType },
    { digest: loose.digest, mediaType: loose.mediaType },
  ]
  expect(destinationsOf((await tagsOf(source, {}, infos)).tasks)).toEqual(['mirror/app:v1'])
  const { tasks, explanations } = await tagsOf(source, { filters: { untagged: true } }, infos)
  expect(destinationsOf(tasks)).toEqual(['mirror/app:v1', `mirror/app@${loose.digest}`])
  expect(explanations).toContainEqual({ resource: `from/app@${loose.digest}`, kept: true, rule: 'untagged: true' })
})
