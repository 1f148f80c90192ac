import { describe, expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import { type Artifact, image, index } from '../../support/images.ts'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { endpoint, memoryRegistry, type PolicyFields, planOf, policyOf } from '../setup.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`

/** Two repositories: `a` has v1 and v2, `b` has v2. */
async function sides(options: MemoryRegistryOptions = {}) {
  const [source, destination] = [await memoryRegistry(options), await memoryRegistry()]
  for (const name of ['a:v1', 'a:v2', 'b:v2']) {
    const [repository = '', tag = ''] = name.split(':')
    source.add(repository, image({ seed: name, size: 10 }), tag)
  }
  return [endpoint('from', source), endpoint('to', destination)] as const
}

async function missing(fields: PolicyFields, options?: MemoryRegistryOptions) {
  const { tasks, logs } = await planOf(policyOf(fields), ...(await sides(options)))
  return { logs, failed: tasks.flatMap(({ reason_code, reason }) => (reason_code === 'missing' ? [reason] : [])) }
}

test('a repository that is named and not there has failed, the others are copied', async () => {
  const policy = policyOf({ filters: { name: ['a', 'nowhere'] } })
  const { tasks } = await planOf(policy, ...(await sides()))
  expect(tasks.map(({ action }) => action).sort()).toEqual(['blocked', 'copy', 'copy'])
  expect(tasks.find(({ action }) => action === 'blocked')).toMatchObject({
    source: { registry: 'from', repository: 'nowhere' },
    destination: { registry: 'to', repository: 'mirror/nowhere' },
    reason: 'source from: there is no repository nowhere',
    reason_code: 'missing',
  })
})

test('a tag that is named and not there has failed, whether few or many are named', async () => {
  const few = await missing({ filters: { name: ['a'], tag: ['v1', 'v9'] } })
  expect(few.failed).toEqual(['source from: there is no v9 in a'])
  const many = await missing({ filters: { name: ['a'], tag: ['v1', 'v2', 'v6', 'v7', 'v8', 'v9'] } })
  expect(many.failed).toHaveLength(4)
})

test('a tag is missing only where no repository has it', async () => {
  expect((await missing({ filters: { tag: ['v1', 'v2'] } })).failed).toEqual([])
  const { failed } = await missing({ filters: { tag: ['v1', 'v3'] } })
  expect(failed).toEqual(['source from: there is no v3 in any of 2 repositories'])
})

test('of a repository that is missing its tags are not told too', async () => {
  const { failed } = await missing({ filters: { name: ['nowhere'], tag: ['v1', 'v2'] } })
  expect(failed).toEqual(['source from: there is no repository nowhere'])
})

test('a named repository is missing also where another one has the tag that is named', async () => {
  const { failed } = await missing({ filters: { name: ['a', 'nowhere'], tag: ['v1'] } })
  expect(failed).toEqual(['source from: there is no repository nowhere'])
})

test('a digest that is named and not there has failed', async () => {
  const { failed } = await missing({ filters: { name: ['a'], digest: DIGEST } })
  expect(failed).toEqual([`source from: there is no ${DIGEST} in a`])
  const pinned = await missing({ filters: { name: ['a'], tag: [`v1@${DIGEST}`] } })
  expect(pinned.failed).toEqual(['source from: there is no v1 in a'])
})

test('with missing: warn it is a warning', async () => {
  const { failed, logs } = await missing({ missing: 'warn', filters: { name: ['a', 'nowhere'], tag: ['v1', 'v9'] } })
  expect(failed).toEqual([])
  expect(logs).toContain('source from: there is no repository nowhere')
  expect(logs).toContain('source from: there is no v9 in any of 2 repositories')
})

test('what a filter leaves out, or cannot be read, is not missing', async () => {
  expect((await missing({ filters: { name: ['a'], tag: ['v1', 'v2'], exclude: { tag: ['v2'] } } })).failed).toEqual([])
  expect((await missing({ filters: { name: ['a'], tag: ['v1', 'v2'], newest: 1 } })).failed).toEqual([])
  const young = { filters: { name: ['a'], tag: ['v1', 'v2'], min_age: 1000 } }
  expect((await missing({ ...young, allow_empty: true })).failed).toEqual([])
  const fault: MemoryRegistryOptions['fault'] = ({ path }) =>
    path.endsWith('/manifests/v2') ? { status: 403 } : undefined
  expect((await missing({ filters: { name: ['a'], tag: ['v1', 'v2'] } }, { fault })).failed).toEqual([])
})

test('a tag that the list lacks is asked for by name, as a cache lists only what was pulled through it', async () => {
  const [from, to] = await sides()
  const listed = ['v1', 'x1', 'x2', 'x3', 'x4']
  const infos = listed.map((tag): TagInfo => ({ tag, digest: image({ seed: 'a:v1', size: 10 }).digest }))
  const source = {
    ...from,
    adapter: {
      ...from.adapter,
      async *listTags() {
        yield* infos
      },
    },
  }
  const policy = policyOf({ filters: { name: ['a'], tag: ['v1', 'v2', 'v3', 'v4', 'v5'] } })
  const { tasks } = await planOf(policy, source, to)
  expect(tasks.filter(({ action }) => action === 'copy').map(({ source: { tag } }) => tag)).toEqual(['v1', 'v2'])
  expect(tasks.filter(({ reason_code }) => reason_code === 'missing')).toHaveLength(3)
})

test('of several shards one tells what is missing', async () => {
  const policy = policyOf({ filters: { name: ['a', 'b', 'nowhere'], tag: ['v1', 'v9'] } })
  const [from, to] = await sides()
  const parts = [1, 2, 3].map((index) => planOf(policy, from, to, { shard: { index, count: 3 } }))
  const reasons = (await Promise.all(parts)).flatMap(({ tasks }) =>
    tasks.flatMap(({ reason_code, reason }) => (reason_code === 'missing' ? [reason] : [])),
  )
  expect(reasons.sort()).toEqual([
    'source from: there is no repository nowhere',
    'source from: there is no v9 in any of 3 repositories',
  ])
})

describe('a platform that no image has', () => {
  const linux = (architecture: string) => image({ seed: architecture, platform: { os: 'linux', architecture } })
  const platforms = ['linux/amd64', 'linux/s390x']

  async function planned(fields: PolicyFields, there?: Artifact) {
    const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
    const list = index([linux('amd64'), linux('arm64')])
    source.add('app', list, 'v1')
    if (there) destination.add('mirror/app', there, 'v1')
    const { tasks, logs } = await planOf(policyOf(fields), endpoint('from', source), endpoint('to', destination))
    const failed = tasks.flatMap(({ reason_code, reason }) => (reason_code === 'missing' ? [reason] : []))
    return { failed, logs: logs.filter((line) => line.includes('platform')), list }
  }
  const says = 'source from: no image that the policy selects has the platform linux/s390x'

  test('is a warning, and a failure with `missing: fail` written out', async () => {
    expect(await planned({ filters: { platforms } })).toMatchObject({ failed: [], logs: [says] })
    expect(await planned({ filters: { platforms }, missing: 'fail' })).toMatchObject({ failed: [says], logs: [] })
  })

  test('fails also where everything is there already, which without it is not read', async () => {
    const { list } = await planned({})
    expect((await planned({ filters: { platforms }, missing: 'fail' }, list)).failed).toEqual([says])
    expect(await planned({ filters: { platforms } }, list)).toMatchObject({ failed: [], logs: [] })
  })

  test('is none where the index spells it otherwise', async () => {
    const wanted = { filters: { platforms: ['linux/amd64', 'linux/arm64/v8'] }, missing: 'fail' } as const
    expect(await planned(wanted)).toMatchObject({ failed: [], logs: [] })
  })
})
