/** `deletion: mirror` and `owned`: what is deleted, what is never deleted, and how much at most. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { descriptorOf } from '../../../src/core/manifest.ts'
import { policyBetween, type Workplace, workplace } from '../../e2e/harness.ts'
import { program } from '../../e2e/program.ts'
import { cosignSignature, image, index, referrer } from '../../support/images.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

const tagsOf = (registry: MemoryRegistry, name: string): string[] => [...registry.repository(name).tags.keys()].sort()

interface Scene {
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
  readonly place: Workplace
  readonly yaml: string
}

/** Ten tags of `app` copied, and then `gone` taken from the source. */
async function scene(
  gone: readonly string[],
  extra = '    deletion: mirror',
  options: MemoryRegistryOptions = {},
): Promise<Scene> {
  const [source, destination] = [await registry(), await registry(options)]
  for (let at = 0; at < 10; at += 1) source.add('app', image({ seed: at }), `v${at}`)
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, extra)
  await place.run(yaml)
  for (const tag of gone) source.repository('app').tags.delete(tag)
  return { source, destination, place, yaml }
}

describe('a mirror', () => {
  test('deletes a tag that the source no longer has, and shows it in the plan', async () => {
    const { destination, place, yaml } = await scene(['v3'])
    const plan = await place.plan(yaml)
    expect(plan.actions).toMatchObject([
      { action: 'delete', destination: 'to/mirror/app:v3', reason: 'gone from the source (deletion: mirror)' },
    ])
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
    const { outcome, tasks } = await place.run(yaml)
    expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 1, succeed: 1, unchanged: 9 } })
    expect(tasks).toMatchObject([{ action: 'delete', dest_resource: 'to/mirror/app:v3', status: 'succeeded' }])
    expect(tagsOf(destination, 'mirror/app')).not.toContain('v3')
    const again = await place.run(yaml)
    expect(again.outcome).toMatchObject({ exitCode: 0, execution: { total: 0, unchanged: 9 } })
  })

  test('without `deletion: mirror` deletes nothing', async () => {
    const { destination, place, yaml } = await scene(['v3'], '')
    expect((await place.run(yaml)).outcome.execution).toMatchObject({ total: 0 })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('leaves what the filters do not select, and repositories that the policy does not map to', async () => {
    const { destination, place, yaml } = await scene(
      ['v3'],
      '    deletion: mirror\n    max_deletions: 100%\n    filters: { name: app, tag: "v*", exclude: { tag: v-own } }',
    )
    destination.add('mirror/app', image({ seed: 'a' }), 'own')
    destination.add('mirror/app', image({ seed: 'b' }), 'v-own')
    destination.add('mirror/other', image({ seed: 'c' }), 'v1')
    destination.add('mirror/app', image({ seed: 'd' }), 'v77')
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app')).toEqual(
      ['own', 'v-own', ...[0, 1, 2, 4, 5, 6, 7, 8, 9].map((at) => `v${at}`)].sort(),
    )
    expect(tagsOf(destination, 'mirror/other')).toEqual(['v1'])
  })

  test('keeps a tag that is pinned to a digest, whether the source still has that tag or not', async () => {
    const { source, destination, place, yaml } = await scene([])
    const pinned = yaml.replace(
      'deletion: mirror',
      `deletion: mirror\n    filters: { name: app, tag: ["v3@${image({ seed: 3 }).digest}", v1] }`,
    )
    source.repository('app').tags.delete('v3')
    expect((await place.run(pinned)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 2 } })
    expect(tagsOf(destination, 'mirror/app')).toContain('v3')
  })

  test('keeps a tag that the source still has, though the filters no longer select it', async () => {
    const { destination, place, yaml } = await scene([])
    await place.run(yaml.replace('deletion: mirror', 'deletion: mirror\n    filters: { newest: 2 }'))
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('finds out with exact tags too', async () => {
    const { destination, place, yaml } = await scene(
      ['v3'],
      '    deletion: mirror\n    filters: { name: app, tag: [v1, v3] }',
    )
    destination.add('mirror/app', image({ seed: 'x' }), 'v3')
    for (let at = 10; at < 20; at += 1) destination.add('mirror/app', image({ seed: at }), `v${at}`)
    expect((await place.run(yaml)).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).not.toContain('v3')
    expect(tagsOf(destination, 'mirror/app')).toContain('v10')
  })

  test('takes signatures along with their image, unless another tag needs it', async () => {
    const { source, destination, place, yaml } = await scene([])
    const [alone, shared] = [image({ seed: 1 }), image({ seed: 2 })]
    const [first, second] = [cosignSignature(descriptorOf(alone)), cosignSignature(descriptorOf(shared))]
    destination.add('mirror/app', first.artifact, first.tag)
    destination.add('mirror/app', second.artifact, second.tag)
    destination.add('mirror/app', index([shared]), 'list')
    source.add('app', index([shared]), 'list')
    for (const tag of ['v1', 'v2']) source.repository('app').tags.delete(tag)
    const wide = `${yaml}\n    max_deletions: 50%`
    const plan = await place.plan(wide)
    expect(plan.actions.map(({ reason }) => reason).sort()).toEqual([
      'gone from the source (deletion: mirror)',
      'gone from the source (deletion: mirror), and 1 tag attached to it',
    ])
    expect((await place.run(wide)).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).not.toContain(first.tag)
    expect(tagsOf(destination, 'mirror/app')).toContain(second.tag)
  })

  test('takes the fallback index of referrers along', async () => {
    const { source, destination, place, yaml } = await scene([], '    deletion: mirror', { referrers: false })
    const signed = image({ seed: 'signed' })
    source.add('app', signed, 'signed')
    source.add('app', referrer(descriptorOf(signed)))
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app')).toContain(signed.digest.replace(':', '-'))
    source.repository('app').tags.delete('signed')
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app').some((tag) => tag.startsWith('sha256-'))).toBe(false)
  })
})

describe('owned', () => {
  const OWNED = '    deletion: owned\n    max_deletions: 100%'

  test('deletes what the policy has brought, and nothing that others have put there', async () => {
    const { destination, place, yaml } = await scene(['v3', 'v4'], OWNED)
    destination.add('mirror/app', image({ seed: 'own' }), 'own')
    // Moved since by somebody else.
    destination.add('mirror/app', image({ seed: 'moved' }), 'v4')
    const plan = await place.plan(yaml)
    expect(plan.actions).toMatchObject([
      { action: 'delete', destination: 'to/mirror/app:v3', reason: 'gone from the source (deletion: owned)' },
    ])
    expect((await place.run(yaml)).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).toEqual(['own', ...[0, 1, 2, 4, 5, 6, 7, 8, 9].map((at) => `v${at}`)])
  })

  test('deletes nothing that another policy, or another history, has brought', async () => {
    const { destination, place, yaml } = await scene(['v3'], OWNED)
    await place.run(yaml.replace('  copy:', '  other:'))
    await workplace().run(yaml)
    expect(tagsOf(destination, 'mirror/app')).toContain('v3')
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app')).not.toContain('v3')
  })

  test('knows a narrowed index as what it has brought', async () => {
    const platforms = '    filters: { platforms: [linux/amd64], platforms_index: narrow }'
    const { source, destination, place, yaml } = await scene([], `${OWNED}\n${platforms}`)
    const arm = image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } })
    source.add('app', index([image({ seed: 'amd' }), arm]), 'list')
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app')).toContain('list')
    source.repository('app').tags.delete('list')
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app')).not.toContain('list')
  })
})

test('a tag whose name is not valid is never asked for, nor deleted', async () => {
  const { destination, place, yaml } = await scene([], '    deletion: mirror\n    max_deletions: 100%')
  const odd = '../../../victim/app/manifests/v1'
  destination.add('mirror/app', image({ seed: 'odd' }), odd)
  const before = destination.requests.length
  await place.run(yaml)
  expect(destination.requests.slice(before).filter(({ path }) => path.includes('victim'))).toEqual([])
})

describe('max_deletions', () => {
  test('is 10 % of the tags at the destination, and the error names both numbers', async () => {
    const { destination, place, yaml } = await scene(['v1', 'v2'])
    const { outcome } = await place.run(yaml)
    expect(outcome).toMatchObject({ exitCode: 3, execution: { status: 'failed' } })
    expect(String(outcome.error)).toContain('would delete 2 of the 10 tags at to, max_deletions allows 10%, that is 1')
    expect(String(outcome.error)).toContain('mirror/app:v1, mirror/app:v2')
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
    expect(destination.requests.some(({ method }) => method === 'DELETE' || method === 'PUT')).toBe(true)
  })

  test('a plan above it can be read whole, exits 3, and is not saved', async () => {
    const { source, destination } = await scene(['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7'])
    const cli = program()
    cli.write('policy.yaml', policyBetween(source.url, destination.url, '    deletion: mirror'))
    const { code, stdout } = await cli.run(['plan', 'policy.yaml', '--out', 'saved.plan'])
    expect(code).toBe(3)
    for (const tag of ['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7']) expect(stdout).toContain(`- mirror/app:${tag} `)
    expect(stdout).toContain('would delete 7 of the 10 tags at to, max_deletions allows 10%, that is 1')
    expect(existsSync(join(cli.directory, 'saved.plan'))).toBe(false)
    const json = await cli.run(['plan', 'policy.yaml', '--json'])
    expect(JSON.parse(json.stdout).policies[0]).toMatchObject({ refused: { hint: expect.stringContaining('raise') } })
  })

  test.each(['2', '20%'])('of %s allows two of ten', async (limit) => {
    const { destination, place, yaml } = await scene(['v1', 'v2'], `    deletion: mirror\n    max_deletions: ${limit}`)
    expect((await place.run(yaml)).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(8)
  })
})

describe('nothing is deleted', () => {
  test('where a repository of the source cannot be listed', async () => {
    let broken = false
    const source = await registry({
      fault: ({ path }) => (broken && path.startsWith('/v2/other/tags') ? { status: 403 } : undefined),
    })
    const destination = await registry()
    for (const name of ['app', 'other']) {
      for (let at = 0; at < 10; at += 1) source.add(name, image({ seed: at }), `v${at}`)
    }
    const place = workplace()
    const yaml = policyBetween(source.url, destination.url, '    deletion: mirror')
    await place.run(yaml)
    source.repository('app').tags.delete('v1')
    broken = true
    const { outcome, logs } = await place.run(yaml)
    expect(outcome.exitCode).toBe(1)
    expect(logs).toContain('nothing is deleted: not every repository could be listed')
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('where the list of the source comes back empty', async () => {
    const { source, destination, place, yaml } = await scene([])
    source.repository('app').tags.clear()
    source.add('other', image(), 'v1')
    const { outcome, logs } = await place.run(`${yaml}\n    max_deletions: 100%`)
    expect(outcome.exitCode).toBe(0)
    expect(logs.join('\n')).toContain('nothing is deleted from to/mirror/app: from/app has no tags')
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('where the list leaves out a tag that is there', async () => {
    const { source, destination, place, yaml } = await scene([])
    // A proxy in between that knows one tag only.
    const short = await registry({
      fault: ({ path }) =>
        path.startsWith('/v2/app/tags/')
          ? { status: 200, headers: { 'content-type': 'application/json' }, body: '{"name":"app","tags":["v0"]}' }
          : undefined,
    })
    for (let at = 0; at < 10; at += 1) short.add('app', image({ seed: at }), `v${at}`)
    await place.run(`${yaml.replace(source.url, short.url)}\n    max_deletions: 100%`)
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('where a copy has failed: the deletes are skipped with that reason', async () => {
    const { source, destination, place, yaml } = await scene(['v3'])
    const bad = image({ seed: 'bad', layers: 1 })
    source.add('app', bad, 'bad')
    const layer = [...bad.blobs.keys()].at(-1)
    if (layer) source.repository('app').blobs.delete(layer)
    const { outcome, tasks } = await place.run(yaml)
    expect(outcome).toMatchObject({ exitCode: 1, execution: { failed: 1, skipped: 1 } })
    expect(tasks.find(({ action }) => action === 'delete')).toMatchObject({
      status: 'skipped',
      error: { code: 'not_deleted', message: 'not deleted: not every copy has succeeded' },
    })
    expect(tagsOf(destination, 'mirror/app')).toContain('v3')
  })
})

describe('a registry that cannot remove just a tag', () => {
  const options: MemoryRegistryOptions = { tagDelete: false }

  test('loses the manifest, where no other tag needs it; a plan sends no request that writes to find out', async () => {
    const { destination, place, yaml } = await scene(['v3'], '    deletion: mirror', options)
    const before = destination.requests.length
    const reason = 'gone from the source (deletion: mirror)'
    expect((await place.plan(yaml)).actions).toMatchObject([{ action: 'delete', reason }])
    expect(new Set(destination.requests.slice(before).map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']))
    expect((await place.run(yaml)).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).not.toContain('v3')
  })

  test('keeps a tag whose manifest another tag or an index needs: that task fails with the reason, other deletes go on', async () => {
    const { source, destination, place, yaml } = await scene(
      [],
      '    deletion: mirror\n    max_deletions: 50%',
      options,
    )
    const list = index([image({ seed: 5 })])
    source.add('app', image({ seed: 3 }), 'same')
    source.add('app', list, 'list')
    await place.run(yaml)
    for (const tag of ['v3', 'v4', 'v5']) source.repository('app').tags.delete(tag)
    const { outcome, tasks } = await place.run(yaml)
    expect(outcome).toMatchObject({ exitCode: 1, execution: { failed: 2, succeed: 1 } })
    expect(tasks.filter(({ status }) => status === 'failed')).toMatchObject([
      {
        dest_resource: 'to/mirror/app:v3',
        error: { code: 'unsupported', message: expect.stringContaining('other tags need') },
      },
      { dest_resource: 'to/mirror/app:v5', error: { code: 'unsupported' } },
    ])
    expect(tagsOf(destination, 'mirror/app')).toEqual([
      'list',
      'same',
      'v0',
      'v1',
      'v2',
      'v3',
      'v5',
      'v6',
      'v7',
      'v8',
      'v9',
    ])
  })

  test('loses all tags of a manifest at once, where all are gone', async () => {
    const { source, destination, place, yaml } = await scene(
      [],
      '    deletion: mirror\n    max_deletions: 50%',
      options,
    )
    source.add('app', image({ seed: 3 }), 'same')
    await place.run(yaml)
    for (const tag of ['v3', 'same']) source.repository('app').tags.delete(tag)
    expect((await place.run(yaml)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 2 } })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(9)
  })

  test('keeps a manifest that the same run gave another tag', async () => {
    const { source, destination, place, yaml } = await scene(['v3'], '    deletion: mirror', options)
    source.add('app', image({ seed: 3 }), 'renamed')
    const { outcome, tasks } = await place.run(yaml)
    expect(outcome).toMatchObject({ exitCode: 1, execution: { failed: 1, succeed: 1 } })
    expect(tasks.find(({ action }) => action === 'delete')?.error?.message).toContain('other tags need its manifest')
    expect(tagsOf(destination, 'mirror/app')).toContain('renamed')
  })
})

test('a registry that does not allow deletion fails the delete with what to do, and the copies are made', async () => {
  const { source, destination, place, yaml } = await scene(['v3'], '    deletion: mirror', { deletes: false })
  source.add('app', image({ seed: 'new' }), 'new')
  const { outcome, tasks } = await place.run(yaml)
  expect(outcome).toMatchObject({ exitCode: 1, execution: { failed: 1, succeed: 1 } })
  expect(tasks.find(({ status }) => status === 'failed')?.error).toMatchObject({
    message: expect.stringContaining('does not allow deletion'),
    hint: expect.stringContaining('storage.delete.enabled'),
  })
  expect(tagsOf(destination, 'mirror/app')).toContain('new')
})

test('a tag that moved at the destination since the plan is not deleted', async () => {
  const { destination, place, yaml, source } = await scene(['v3'])
  source.add('app', image({ seed: 'new' }), 'new')
  const { outcome, tasks } = await place.run(yaml, {
    onEvent: (event) => {
      if (event.type === 'stage' && event.stage === 'prepare' && event.state === 'ended') {
        destination.add('mirror/app', image({ seed: 'theirs' }), 'v3')
      }
    },
  })
  expect(outcome.exitCode).toBe(1)
  expect(tasks.find(({ action }) => action === 'delete')?.error?.message).toContain('it has moved since the plan')
  expect(tagsOf(destination, 'mirror/app')).toContain('v3')
})

test('a directory loses tags too', async () => {
  const { source, place, yaml: original } = await scene([], '    deletion: mirror')
  const yaml = original.replace(/to: {.*}/, 'to: { type: oci-layout, path: ./layout }')
  await place.run(yaml)
  source.repository('app').tags.delete('v3')
  expect((await place.run(yaml)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1, unchanged: 9 } })
  expect((await place.run(yaml)).outcome).toMatchObject({ exitCode: 0, execution: { total: 0, unchanged: 9 } })
})

test('a saved plan with a delete is refused where the source has the tag again, and applied otherwise', async () => {
  const { source, destination, place, yaml } = await scene(['v3'])
  const { policy, tasks } = await place.plan(yaml)
  const plan = { version: 1, policies: [{ policy, tasks }] } as const
  source.add('app', image({ seed: 3 }), 'v3')
  const refused = await place.run(yaml, { plan })
  expect(refused.outcome.exitCode).toBe(3)
  expect(String(refused.outcome.error)).toContain('from/app:v3 is to be deleted, and the source has it again')
  source.repository('app').tags.delete('v3')
  expect((await place.run(yaml, { plan })).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  expect(tagsOf(destination, 'mirror/app')).not.toContain('v3')
})

test('a tag that comes back to the source while the run goes on is kept, and its task says so', async () => {
  const { source, destination, place, yaml } = await scene(['v3'], '    deletion: mirror')
  const back = image({ seed: 3 })
  const { outcome, tasks, logs } = await place.run(yaml, {
    onEvent(event) {
      if (event.type === 'stage' && event.stage === 'prepare' && event.state === 'ended') source.add('app', back, 'v3')
    },
  })
  expect(outcome).toMatchObject({ exitCode: 0 })
  const kept = destination.repository('mirror/app').tags.get('v3')
  expect(tasks).toMatchObject([{ action: 'delete', status: 'succeeded', dest_digest: kept }])
  expect(kept).toBeDefined()
  expect(logs).toContain('to/mirror/app:v3 is kept: the source has it again')
})

test('two mirrors in opposite directions settle: the second pass of both writes nothing', async () => {
  const { source, destination, place } = await scene(['v3'], '    deletion: mirror')
  const mirror = 'filters: { name: app }, deletion: mirror, max_deletions: 1'
  const registries = `
registries:
  a: { type: docker-registry, url: ${source.url} }
  b: { type: docker-registry, url: ${destination.url} }
policies:
  there: { source: { registry: a, namespaces: [] }, destination: { registry: b }, ${mirror} }
  back: { source: { registry: b, namespaces: [] }, destination: { registry: a }, ${mirror} }
`
  await place.run(registries)
  source.requests.length = 0
  destination.requests.length = 0
  const { outcomes } = await place.run(registries)
  expect(outcomes).toMatchObject([
    { exitCode: 0, execution: { total: 0 } },
    { exitCode: 0, execution: { total: 0 } },
  ])
  for (const { method } of [...source.requests, ...destination.requests]) expect(['GET', 'HEAD']).toContain(method)
  source.repository('app').tags.delete('v4')
  expect((await place.run(registries)).outcomes).toMatchObject([
    { execution: { total: 1 } },
    { execution: { total: 0 } },
  ])
  expect(tagsOf(destination, 'app')).toEqual(tagsOf(source, 'app'))
})
