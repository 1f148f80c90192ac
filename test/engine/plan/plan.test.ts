import { expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import { image } from '../../support/images.ts'
import { destinationsOf, endpoint, memoryRegistry, planOf, policyOf } from '../setup.ts'

for (const count of [1, 2, 3, 7]) {
  test(`${count} shards are disjoint, and together all there is`, async () => {
    const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
    const loose = [image({ seed: 'loose 1' }), image({ seed: 'loose 2' })]
    const infos: TagInfo[] = loose.map(({ digest, mediaType }) => ({ digest, mediaType }))
    for (const built of loose) source.add('team/app', built)
    for (let at = 0; at < 30; at += 1) {
      const built = image({ seed: at, size: 10 })
      source.add('team/app', built, `v${at}`)
      infos.push({ tag: `v${at}`, digest: built.digest, mediaType: built.mediaType })
    }
    const from = endpoint('from', source, {}, () => infos)
    const to = endpoint('to', destination)
    const policy = policyOf({ filters: { untagged: true } })
    const whole = await planOf(policy, from, to)
    const parts = await Promise.all(
      Array.from({ length: count }, (_, at) => planOf(policy, from, to, { shard: { index: at + 1, count } })),
    )
    expect(whole.tasks).toHaveLength(32)
    // Sorted lists that are equal: nothing is missing, and nothing is there twice.
    expect(parts.flatMap(({ tasks }) => destinationsOf(tasks)).sort()).toEqual(destinationsOf(whole.tasks))
  })
}

test('a shard is the same every time', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  for (let at = 0; at < 20; at += 1) source.add('app', image({ seed: at, size: 10 }), `v${at}`)
  const part = () =>
    planOf(policyOf(), endpoint('from', source), endpoint('to', destination), { shard: { index: 1, count: 3 } })
  expect(destinationsOf((await part()).tasks)).toEqual(destinationsOf((await part()).tasks))
})

test('a name that does not fit is blocked in one shard only', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('team/app', image(), 'v1')
  const to = endpoint('to', destination, { depth: { max: 1 } })
  const parts = await Promise.all(
    [1, 2, 3].map((at) => planOf(policyOf(), endpoint('from', source), to, { shard: { index: at, count: 3 } })),
  )
  expect(parts.flatMap(({ tasks }) => tasks)).toHaveLength(1)
})

test('two sources of one destination tag are refused, also where they are in different shards', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  for (const name of ['a/app', 'b/app']) {
    for (let at = 0; at < 8; at += 1) source.add(name, image({ seed: `${name}${at}`, size: 10 }), `v${at}`)
  }
  const policy = policyOf({ destination: { flatten: 'all' } })
  for (const shard of [undefined, { index: 1, count: 2 }, { index: 2, count: 2 }]) {
    await expect(planOf(policy, endpoint('from', source), endpoint('to', destination), { shard })).rejects.toThrow(
      /^from\/[ab]\/app:v\d and from\/[ab]\/app:v\d would both land on to\/mirror\/app:v\d$/,
    )
  }
})

test('two sources of one destination repository may have different tags', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('a/app', image({ seed: 1 }), 'v1')
  source.add('b/app', image({ seed: 2 }), 'v2')
  const policy = policyOf({ destination: { flatten: 'all' } })
  const { tasks } = await planOf(policy, endpoint('from', source), endpoint('to', destination))
  expect(destinationsOf(tasks)).toEqual(['mirror/app:v1', 'mirror/app:v2'])
})

test('one that the filters drop is no conflict', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('a/app', image({ seed: 1 }), 'v1')
  source.add('b/app', image({ seed: 2 }), 'v1')
  const policy = policyOf({ destination: { flatten: 'all' }, filters: { exclude: { name: ['b/**'] } } })
  const { tasks } = await planOf(policy, endpoint('from', source), endpoint('to', destination))
  expect(destinationsOf(tasks)).toEqual(['mirror/app:v1'])
})

test('the counts say what was seen, and the namespaces are those that are written to', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  for (const [name, tag] of [
    ['team/app', 'v1'],
    ['team/app', 'v2'],
    ['other/db', 'v1'],
  ] as const) {
    source.add(name, image({ seed: name + tag }), tag)
  }
  destination.add('mirror/other/db', image({ seed: 'other/dbv1' }), 'v1')
  const { totals } = await planOf(policyOf(), endpoint('from', source), endpoint('to', destination))
  expect(totals).toMatchObject({ repositories: 2, seen: 3, unchanged: 1, copies: 2, updates: 0, blocked: 0 })
  expect([...totals.namespaces].map(([registry, names]) => [registry, ...names])).toEqual([['to', 'mirror/team']])
})

test('nothing selected is an error with the way to find out why', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('app', image(), 'v1')
  const plan = (fields: Parameters<typeof policyOf>[0]) =>
    planOf(policyOf(fields), endpoint('from', source), endpoint('to', destination))
  await expect(plan({ filters: { tag: ['9.*'] } })).rejects.toThrow(
    '1 repository with 1 tag seen at from, none matches',
  )
  await expect(plan({ filters: { name: ['app'], tag: ['9'] }, missing: 'warn' })).rejects.toThrow(
    'from has nothing that it names',
  )
  await expect(plan({ filters: { tag: ['9'] }, allow_empty: true })).resolves.toMatchObject({ tasks: [] })
})
