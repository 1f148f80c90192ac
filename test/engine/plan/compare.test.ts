import { expect, test } from 'vitest'
import { image, index } from '../../support/images.ts'
import { endpoint, memoryRegistry, planOf, policyOf } from '../setup.ts'

test('a tag is new, changed, unchanged, or kept where override is false', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  const changed = image({ seed: 'before' })
  for (const tag of ['new', 'changed', 'same']) source.add('app', image({ seed: tag }), tag)
  destination.add('mirror/app', changed, 'changed')
  destination.add('mirror/app', image({ seed: 'same' }), 'same')
  const sides = [endpoint('from', source), endpoint('to', destination)] as const
  const { tasks, unchanged } = await planOf(policyOf(), ...sides)
  expect(unchanged).toBe(1)
  expect(tasks).toMatchObject([
    { action: 'update', destination: { tag: 'changed' }, previous_digest: changed.digest },
    { action: 'copy', destination: { tag: 'new' }, digest: image({ seed: 'new' }).digest },
  ])
  const kept = await planOf(policyOf({ override: false }), ...sides)
  expect(kept.tasks[0]).toMatchObject({ action: 'keep', reason_code: 'kept' })
})

test('a repository that the destination does not have says so, so that nothing in it is asked for', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('app', image(), 'v1')
  const { tasks } = await planOf(policyOf(), endpoint('from', source), endpoint('to', destination))
  expect(tasks).toMatchObject([{ new_repository: true }])
  expect(destination.requests.map(({ route }) => route)).toEqual(['tags'])
})

test('a tag that is named is looked up at the destination alone, and its tags are not listed where it has that one', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  for (const tag of ['same', 'changed', 'new']) source.add('app', image({ seed: tag }), tag)
  destination.add('mirror/app', image({ seed: 'same' }), 'same')
  destination.add('mirror/app', image({ seed: 'before' }), 'changed')
  const sides = [endpoint('from', source), endpoint('to', destination)] as const
  const named = async (tag: string) => {
    for (const { requests } of [source, destination]) requests.splice(0)
    const { tasks, unchanged } = await planOf(policyOf({ filters: { name: ['app'], tag: [tag] } }), ...sides)
    return {
      actions: tasks.map(({ action }) => action),
      unchanged,
      asked: destination.summary(),
      read: source.summary(),
    }
  }
  expect(await named('same')).toEqual({
    actions: [],
    unchanged: 1,
    asked: { 'HEAD manifest 200': 1 },
    read: { 'HEAD manifest 200': 1 },
  })
  expect(await named('changed')).toMatchObject({ actions: ['update'], asked: { 'HEAD manifest 200': 1 } })
  // The list tells whether the repository is new, which saves requests when it is copied.
  expect(await named('new')).toEqual({
    actions: ['copy'],
    unchanged: 0,
    asked: { 'HEAD manifest 404': 1, 'GET tags 200': 1 },
    read: { 'GET manifest 200': 1 },
  })
})

for (const status of [401, 403]) {
  test(`a named tag is copied into a repository that does not exist, where looking it up is ${status}`, async () => {
    const source = await memoryRegistry()
    const destination = await memoryRegistry({
      fault: ({ path }) => (path.includes('/manifests/') ? { status } : undefined),
    })
    source.add('app', image(), 'v1')
    const policy = policyOf({ filters: { name: ['app'], tag: ['v1'] } })
    const { tasks } = await planOf(policy, endpoint('from', source), endpoint('to', destination))
    expect(tasks).toMatchObject([{ action: 'copy', new_repository: true }])
  })
}

for (const [depth, flatten, why] of [
  [{ max: 2 }, 0, 'mirror/team/app has 3 path parts, Docker Registry at to wants at most 2'],
  [{ min: 4 }, 0, 'mirror/team/app has 3 path parts, Docker Registry at to wants at least 4'],
  [{ min: 3, max: 3 }, 'all', 'mirror/app has 2 path parts, Docker Registry at to wants exactly 3'],
] as const) {
  test(`a name is blocked, once, before anything is listed: ${why}`, async () => {
    const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
    for (const tag of ['v1', 'v2']) source.add('team/app', image({ seed: tag }), tag)
    const to = endpoint('to', destination, { depth })
    const { tasks } = await planOf(policyOf({ destination: { flatten } }), endpoint('from', source), to)
    expect(tasks).toMatchObject([
      {
        action: 'blocked',
        reason: why,
        reason_code: 'unsupported',
        hint: 'set destination.namespace and flatten so that the name fits',
      },
    ])
    expect(source.requests.some(({ route }) => route === 'tags')).toBe(false)
  })
}

test('a name of the right depth is copied', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('team/app', image(), 'v1')
  const to = endpoint('to', destination, { depth: { min: 3, max: 3 } })
  const { tasks } = await planOf(policyOf(), endpoint('from', source), to)
  expect(tasks).toMatchObject([{ action: 'copy' }])
})

test('a name that is too long for any registry is blocked', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('app', image(), 'v1')
  const policy = policyOf({ destination: { namespace: 'n'.repeat(260) } })
  const { tasks } = await planOf(policy, endpoint('from', source), endpoint('to', destination))
  expect(tasks[0]).toMatchObject({
    action: 'blocked',
    reason: expect.stringMatching(/is not a valid repository name$/),
  })
})

for (const status of [401, 403, 405, 406, 415, 501]) {
  test(`a destination that answers ${status} to a list of its tags is asked for each tag`, async () => {
    const source = await memoryRegistry()
    const destination = await memoryRegistry({
      fault: ({ path }) => (path.includes('/tags/list') ? { status } : undefined),
    })
    for (const tag of ['new', 'same', 'changed']) source.add('app', image({ seed: tag }), tag)
    destination.add('mirror/app', image({ seed: 'same' }), 'same')
    destination.add('mirror/app', image({ seed: 'before' }), 'changed')
    const sides = [endpoint('from', source), endpoint('to', destination)] as const
    const { tasks, unchanged } = await planOf(policyOf(), ...sides)
    expect(unchanged).toBe(1)
    expect(tasks.map(({ action, destination: { tag } }) => [action, tag])).toEqual([
      ['update', 'changed'],
      ['copy', 'new'],
    ])
    const named = await planOf(policyOf({ filters: { name: ['app'], tag: ['new'] } }), ...sides)
    expect(named.tasks).toMatchObject([{ action: 'copy' }])
  })
}

test('a destination that denies both its list and its tags blocks that repository, once, and names the side', async () => {
  const source = await memoryRegistry()
  const destination = await memoryRegistry({
    fault: ({ path }) => (path.startsWith('/v2/mirror/bad/') ? { status: 403 } : undefined),
  })
  for (const name of ['bad', 'good']) {
    for (const tag of ['v1', 'v2']) source.add(name, image({ seed: name + tag }), tag)
  }
  const { tasks } = await planOf(policyOf(), endpoint('from', source), endpoint('to', destination))
  expect(tasks).toHaveLength(3)
  expect(tasks.find(({ action }) => action === 'blocked')).toMatchObject({
    source: { repository: 'bad' },
    reason: expect.stringMatching(/^destination to: /),
  })
})

test('one tag that cannot be resolved is blocked, the others are planned', async () => {
  const source = await memoryRegistry({
    fault: ({ path }) => (path.endsWith('/manifests/bad') ? { status: 403 } : undefined),
  })
  const destination = await memoryRegistry()
  for (const tag of ['bad', 'good']) source.add('app', image({ seed: tag }), tag)
  const { tasks } = await planOf(policyOf(), endpoint('from', source), endpoint('to', destination))
  expect(tasks).toMatchObject([
    { action: 'blocked', source: { tag: 'bad' }, reason: expect.stringMatching(/^source from: /) },
    { action: 'copy', source: { tag: 'good' } },
  ])
})

test('an index without a wanted platform is dropped, an image of one platform is not', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  source.add('app', index([image({ platform: { os: 'linux', architecture: 'arm64' } })]), 'index')
  source.add('app', image({ seed: 'single' }), 'single')
  const policy = policyOf({ filters: { platforms: ['linux/amd64'] } })
  const { tasks, explanations } = await planOf(policy, endpoint('from', source), endpoint('to', destination))
  expect(tasks.map(({ source: { tag } }) => tag)).toEqual(['single'])
  expect(explanations).toContainEqual({ resource: 'from/app:index', kept: false, rule: 'platforms: linux/amd64' })
})

test('a tag that is pinned to a digest is that digest, whatever the tag points at now', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  const old = image({ seed: 'old' })
  source.add('app', old)
  source.add('app', image({ seed: 'new' }), 'v1')
  const policy = policyOf({ filters: { name: ['app'], tag: [`v1@${old.digest}`] } })
  const sides = [endpoint('from', source), endpoint('to', destination)] as const
  const { tasks } = await planOf(policy, ...sides)
  expect(tasks).toMatchObject([{ action: 'copy', digest: old.digest, destination: { tag: 'v1' } }])
  expect(tasks[0]?.source).toEqual({ registry: 'from', repository: 'app' })
  destination.add('mirror/app', old, 'v1')
  expect((await planOf(policy, ...sides)).unchanged).toBe(1)
})
