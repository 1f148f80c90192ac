import { expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import type { Context } from '../../../src/core/context.ts'
import type { Digest } from '../../../src/core/descriptor.ts'
import { image, schema1 } from '../../support/images.ts'
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
  expect(logs).toContain(
    'the time of app:unknown is unknown, it counts as oldest: neither the registry nor the image tells one',
  )
})

test('newest: a tag that cannot be read counts as oldest, with a warning that names the side, and blocks only itself', async () => {
  const source = await memoryRegistry({
    fault: ({ path }) => (path.endsWith('/manifests/broken') ? { status: 403 } : undefined),
  })
  for (const [tag, time] of [
    ['alpha', '2024-01-01T00:00:00Z'],
    ['beta', '2024-02-01T00:00:00Z'],
    ['gamma', '2024-03-01T00:00:00Z'],
    ['broken', '2024-04-01T00:00:00Z'],
  ] as const) {
    source.add('app', made(tag, time), tag)
  }
  source.add('app', schema1(), 'ancient')
  const { tags, logs } = await tagsOf(source, { filters: { newest: 2 } })
  expect(tags).toEqual(['beta', 'gamma'])
  expect(logs).toEqual([
    expect.stringMatching(/^the time of app:ancient is unknown, it counts as oldest: /),
    expect.stringMatching(/^the time of app:broken is unknown, it counts as oldest: source from: .*403/),
  ])
  const all = await tagsOf(source, { filters: { newest: 5 } })
  expect(all.tasks.filter(({ action }) => action === 'copy').map(({ source: { tag } }) => tag)).toEqual([
    'alpha',
    'beta',
    'gamma',
  ])
  expect(all.tasks.filter(({ action }) => action === 'blocked').map(({ source: { tag } }) => tag)).toEqual([
    'ancient',
    'broken',
  ])
})

test('newest asks many tags at once', async () => {
  const source = await memoryRegistry()
  for (let at = 0; at < 20; at += 1) source.add('app', made(`x${at}`, '2024-01-01T00:00:00Z'), `x${at}`)
  const from = endpoint('from', source)
  let open = 0
  let most = 0
  const repository = (name: string) => {
    const store = from.adapter.repository(name)
    return {
      ...store,
      async readManifest(reference: string, ctx: Context) {
        open += 1
        most = Math.max(most, open)
        try {
          return await store.readManifest(reference, ctx)
        } finally {
          open -= 1
        }
      },
    }
  }
  const slow = { ...from, adapter: { ...from.adapter, repository } }
  await planOf(policyOf({ filters: { newest: 3 } }), slow, endpoint('to', await memoryRegistry()))
  expect(most).toBe(20)
})

test('a config that is longer than its manifest says is not read to its end', async () => {
  const source = await memoryRegistry()
  const [liar, honest] = [made('liar'), made('honest', '2024-01-01T00:00:00Z')]
  source.add('app', liar, 'liar')
  source.add('app', honest, 'honest')
  const config = [...liar.blobs.keys()][0] ?? ''
  let read = 0
  const endless = {
    size: 1 << 30,
    async *open() {
      for (; read < 1 << 30; read += 65_536) yield new Uint8Array(65_536)
    },
  }
  source.repositories.get('app')?.blobs.set(config as Digest, endless)
  const { tags, logs } = await tagsOf(source, { filters: { newest: 1 } })
  expect(tags).toEqual(['honest'])
  expect(logs[0]).toMatch(/app:liar is unknown, it counts as oldest: /)
  expect(read).toBeLessThan(64 * 1024 * 1024)
})

test('names that are not valid are left out: the first ten are told, all are counted', async () => {
  const source = await memoryRegistry()
  source.add('app', made('v1'), 'v1')
  const { digest } = made('v1')
  const odd = [
    '../../../victim/app/manifests/latest',
    'x'.repeat(100_000),
    ...Array.from({ length: 5000 }, (_, at) => `${at}?`),
  ]
  const infos = ['v1', ...odd].map((tag): TagInfo => ({ tag, digest }))
  const { tags, logs, totals, explanations } = await tagsOf(source, { filters: { name: ['app'] } }, infos)
  expect(tags).toEqual(['v1'])
  expect(logs).toHaveLength(11)
  expect(logs[0]).toBe(
    'from lists "../../../victim/app/manifests/latest", which is not a valid tag of app: it is left out',
  )
  expect(logs[10]).toBe('from lists 4992 more names that are not valid: they are left out')
  expect(
    Math.max(...[...logs, ...explanations.map(({ resource }) => resource)].map((text) => text.length)),
  ).toBeLessThan(400)
  expect(totals.left).toEqual(new Map([['not a valid name', 5002]]))
})

test('a repository whose name is not valid is left out', async () => {
  const source = await memoryRegistry()
  source.add('app', made('v1'), 'v1')
  const from = endpoint('from', source)
  const adapter = {
    ...from.adapter,
    async *repositories() {
      yield* ['app', '../app', 'App', `${'a'.repeat(256)}`]
    },
  }
  const { tasks, totals } = await planOf(policyOf(), { ...from, adapter }, endpoint('to', await memoryRegistry()))
  expect(destinationsOf(tasks)).toEqual(['mirror/app:v1'])
  expect(totals.left).toEqual(new Map([['not a valid name', 3]]))
})

test('what the filters leave behind is counted by what left it out', async () => {
  const source = await memoryRegistry()
  for (const tag of ['1.0', '1.1', '2.0', 'latest', 'x-rc']) source.add('app', made(tag), tag)
  const { totals } = await tagsOf(source, { filters: { semver: '<2', newest: 1, exclude: { tag: ['*-rc'] } } })
  expect([...totals.left].sort()).toEqual([
    ['newest', 1],
    ['semver', 3],
  ])
})

test('a time that is beyond all reason is unknown', async () => {
  const source = await memoryRegistry()
  const [far, near] = [made('far'), made('near')]
  source.add('app', far, 'far')
  source.add('app', near, 'near')
  const infos: TagInfo[] = [
    { tag: 'far', digest: far.digest, pushed: new Date(8.64e15), created: new Date('x') },
    { tag: 'near', digest: near.digest, pushed: new Date('2024-02-01') },
  ]
  expect((await tagsOf(source, { filters: { newest: 1 } }, infos)).tags).toEqual(['near'])
  const held = await tagsOf(source, { filters: { min_age: 1000 }, allow_empty: true }, infos)
  expect(held.tags).toEqual(['near'])
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
