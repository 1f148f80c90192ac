/** A run of events: only what they are about is looked at, with all filters; deletes only where the policy and the source say so. */

import { describe, expect, test } from 'vitest'
import type { ArtifactEvent } from '../../../../src/core/requests.ts'
import { policyBetween, workplace } from '../../../e2e/harness.ts'
import { cosignSignature, image, index, referrer } from '../../../support/images.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../../support/memory-registry.ts'
import { registry } from '../../../support/registries.ts'

const tagsOf = (registry: MemoryRegistry, name: string): string[] => [...registry.repository(name).tags.keys()].sort()

function push(tag: string, repository = 'app'): ArtifactEvent {
  return { action: 'push', repository, tag }
}

function gone(tag: string, repository = 'app'): ArtifactEvent {
  return { action: 'delete', repository, tag }
}

/** Ten tags of `app` at the source, and whatever the policy says. */
async function scene(extra = '', options: MemoryRegistryOptions = {}) {
  const [source, destination] = [await registry(), await registry(options)]
  for (let at = 0; at < 10; at += 1) source.add('app', image({ seed: at }), `v${at}`)
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, extra)
  const run = async (...events: readonly ArtifactEvent[]) => {
    source.requests.splice(0)
    destination.requests.splice(0)
    return place.run(yaml, { events, trigger: 'event' })
  }
  return { source, destination, place, yaml, run }
}

describe('a push', () => {
  test('costs the requests of its tag, and neither a catalogue nor a list of tags', async () => {
    const { source, destination, run } = await scene()
    const { outcome, logs } = await run(push('v3'))
    expect(outcome).toMatchObject({ exitCode: 0, execution: { trigger: 'event', total: 1, succeed: 1 } })
    expect(tagsOf(destination, 'mirror/app')).toEqual(['v3'])
    expect(source.summary()).toMatchObject({ 'GET manifest 200': 1 })
    for (const route of ['HEAD manifest 200', 'GET catalog 200', 'GET tags 200', 'GET tags 404']) {
      expect({ ...source.summary(), ...destination.summary() }).not.toHaveProperty([route])
    }
    expect(logs).toContain('push from/app:v3')
    const again = await run(push('v3'))
    expect(again.outcome).toMatchObject({ exitCode: 0, execution: { total: 0, unchanged: 1 } })
    expect(source.summary()).toEqual({ 'GET ping 200': 1, 'HEAD manifest 200': 1 })
    expect(destination.summary()).toEqual({ 'GET ping 200': 1, 'HEAD manifest 200': 1 })
  })

  test.each([
    ['name', 'filters: { name: "team/**" }', []],
    ['namespaces', 'filters: { name: "**" }', ['v1', 'v2']],
    ['tag', 'filters: { tag: "*1" }', ['v1']],
    ['exclude', 'filters: { exclude: { tag: v2 } }', ['v1']],
    ['regex', 'filters: { regex: { tag: "v[12]" } }', ['v1', 'v2']],
    ['semver', 'filters: { semver: ">=2" }', ['v2']],
    ['resource', 'filters: { resource: chart }', []],
    ['newest', 'filters: { newest: 9 }', ['v1', 'v2']],
    ['newest', 'filters: { newest: 8 }', ['v2']],
    ['platforms', 'filters: { platforms: [linux/s390x] }', ['v1', 'v2']],
    ['a pinned tag', `filters: { tag: ["v1@${image({ seed: 1 }).digest}"] }`, ['v1']],
    ['exact tags', 'filters: { tag: [v0, v2] }', ['v2']],
  ])('is copied only where the filter by %s selects it: %s', async (_name, filters, expected) => {
    const { destination, run } = await scene(`    ${filters}`)
    const { outcome } = await run(push('v1'), push('v2'))
    expect(outcome).toMatchObject({ exitCode: 0, execution: { total: expected.length } })
    expect(tagsOf(destination, 'mirror/app')).toEqual(expected)
  })

  test('that is gone again is no failure, nor is an exact name that is missing, nor a policy that selects nothing', async () => {
    const { destination, run } = await scene('    filters: { name: [app, other], tag: [v1, v77] }')
    expect((await run(push('v77'), push('v77', 'other'))).outcome).toMatchObject({
      exitCode: 0,
      execution: { total: 0 },
    })
    expect((await run(push('v5', 'unwanted'))).outcome).toMatchObject({ exitCode: 0, execution: { total: 0 } })
    expect(destination.repositories.size).toBe(0)
  })

  test('of a whole repository copies all of its tags', async () => {
    const { destination, run } = await scene()
    expect((await run({ action: 'push', repository: 'app' })).outcome.execution).toMatchObject({ total: 10 })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('of a thousand tags is one execution, with all of them', async () => {
    const { source, destination, run } = await scene()
    const events = Array.from({ length: 1000 }, (_, at) => push(`n${at}`))
    for (const { tag = '' } of events) source.add('app', image({ seed: 1 }), tag)
    const { outcome, logs } = await run(...events)
    expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1000 } })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(1000)
    expect(logs).toContain('and 980 more')
  })

  test('without a tag is copied where the policy wants untagged artifacts, and else not', async () => {
    const { digest } = image({ seed: 'bare' })
    for (const untagged of [true, false]) {
      const { source, destination, run } = await scene(`    filters: { untagged: ${untagged} }`)
      source.add('app', image({ seed: 'bare' }))
      expect((await run({ action: 'push', repository: 'app', digest })).outcome.exitCode).toBe(0)
      expect(destination.repositories.get('mirror/app')?.manifests.has(digest) ?? false).toBe(untagged)
    }
  })

  test('that is too young is held back, and the outcome says until when', async () => {
    const { destination, run } = await scene('    filters: { min_age: 1h }')
    const before = Date.now()
    const { outcome } = await run(push('v3'))
    expect(outcome).toMatchObject({
      exitCode: 0,
      execution: { total: 0, left_behind: { min_age: 1 } },
      held: [{ repository: 'app', tag: 'v3' }],
    })
    expect(outcome.held?.[0]?.until).toBeGreaterThanOrEqual(before + 60 * 60 * 1000)
    expect(destination.repositories.size).toBe(0)
  })

  test('is resumed as what it was', async () => {
    const { source, destination, place, yaml } = await scene()
    const stop = new AbortController()
    const { outcome } = await place.run(yaml, {
      events: [push('v3'), push('v4')],
      trigger: 'event',
      signal: stop.signal,
      onEvent: () => stop.abort(),
    })
    expect(outcome.execution?.status).toBe('stopped')
    const resumed = await place.resume(yaml, outcome.execution?.id ?? 0)
    expect(resumed).toMatchObject({ status: 'succeeded', trigger: 'event', total: 2 })
    expect(tagsOf(destination, 'mirror/app')).toEqual(['v3', 'v4'])
    expect(source.summary()).not.toHaveProperty(['GET catalog 200'])
  })
})

describe('a signature that is pushed after its image was copied', () => {
  test('follows it, as a tag', async () => {
    const { source, destination, run } = await scene('    filters: { tag: "v*" }')
    await run(push('v3'))
    const signature = cosignSignature(image({ seed: 3 }).descriptor)
    source.add('app', signature.artifact, signature.tag)
    const { outcome } = await run(push(signature.tag))
    expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 1, succeed: 1 } })
    expect(tagsOf(destination, 'mirror/app')).toEqual([signature.tag, 'v3'].sort())
    expect((await run(push(signature.tag))).outcome.execution).toMatchObject({ total: 0 })
  })

  test('follows it, as a manifest that names its subject, also of a child of an index', async () => {
    const { source, destination, run } = await scene()
    const child = image({ seed: 'child' })
    source.add('app', index([child]), 'many')
    await run(push('many'))
    const signature = referrer(child.descriptor)
    source.add('app', signature)
    const { outcome } = await run({ action: 'push', repository: 'app', digest: signature.digest })
    expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 1, succeed: 1 } })
    expect(destination.repository('mirror/app').manifests.has(signature.digest)).toBe(true)
  })

  test('is left where its image is, if the policy has not copied that', async () => {
    const { source, destination, run } = await scene('    filters: { tag: v3 }')
    const signature = cosignSignature(image({ seed: 4 }).descriptor)
    source.add('app', signature.artifact, signature.tag)
    const late = referrer(image({ seed: 5 }).descriptor)
    source.add('app', late)
    const { outcome } = await run(push(signature.tag), { action: 'push', repository: 'app', digest: late.digest })
    expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 0 } })
    expect(destination.repositories.size).toBe(0)
  })

  test('that comes with the image is copied once', async () => {
    const { source, destination, run } = await scene()
    const signature = cosignSignature(image({ seed: 3 }).descriptor)
    source.add('app', signature.artifact, signature.tag)
    const { outcome } = await run(push(signature.tag), push('v3'))
    expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 1 } })
    expect(tagsOf(destination, 'mirror/app')).toEqual([signature.tag, 'v3'].sort())
  })
})

describe('a delete', () => {
  async function deleted(extra: string, ...events: readonly ArtifactEvent[]) {
    const all = await scene(extra)
    await all.place.run(all.yaml)
    for (const { tag } of events) if (tag) all.source.repository('app').tags.delete(tag)
    return { ...all, ran: await all.run(...events) }
  }

  test.each([
    ['events', true],
    ['mirror', true],
    ['owned', true],
    ['never', false],
  ])('deletes with `deletion: %s`: %s', async (deletion, isGone) => {
    const { destination, ran } = await deleted(`    deletion: ${deletion}`, gone('v3'), gone('v4'))
    expect(ran.outcome).toMatchObject({ exitCode: 0, execution: { total: isGone ? 2 : 0 } })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(isGone ? 8 : 10)
  })

  test('deletes nothing that the source still has, or has again', async () => {
    const { destination, run, place, yaml } = await scene('    deletion: events')
    await place.run(yaml)
    expect((await run(gone('v3'))).outcome).toMatchObject({ exitCode: 0, execution: { total: 0 } })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(10)
  })

  test('deletes nothing where the source cannot be asked, and fails', async () => {
    let down = false
    const source = await registry({
      fault: ({ route }) => (down && route === 'manifest' ? { status: 503 } : undefined),
    })
    const destination = await registry()
    source.add('app', image({ seed: 1 }), 'v1')
    const place = workplace({}, { clock: { now: Date.now, monotonic: () => performance.now(), sleep: async () => {} } })
    const yaml = policyBetween(source.url, destination.url, '    deletion: events')
    await place.run(yaml)
    source.repository('app').tags.delete('v1')
    down = true
    const { outcome, tasks } = await place.run(yaml, { events: [gone('v1')], trigger: 'event' })
    expect(outcome.exitCode).toBe(1)
    expect(tasks).toMatchObject([{ status: 'failed', error: { kind: '503 by from' } }])
    expect(tagsOf(destination, 'mirror/app')).toEqual(['v1'])
  })

  test('leaves what the filters do not select, and with `owned` what the policy has not brought', async () => {
    const { destination, run } = await scene('    deletion: owned\n    filters: { tag: "v*" }')
    destination.add('mirror/app', image({ seed: 'x' }), 'v77')
    destination.add('mirror/app', image({ seed: 'y' }), 'other')
    expect((await run(gone('v77'), gone('other'))).outcome).toMatchObject({ exitCode: 0, execution: { total: 0 } })
    expect(tagsOf(destination, 'mirror/app')).toEqual(['other', 'v77'])
  })

  test('of a digest deletes the tags that the policy brought of it', async () => {
    const { source, destination, place, yaml, run } = await scene('    deletion: events')
    source.add('app', image({ seed: 3 }), 'same')
    await place.run(yaml)
    const { digest } = image({ seed: 3 })
    for (const tag of ['same', 'v3']) source.repository('app').tags.delete(tag)
    source.repository('app').manifests.delete(digest)
    expect((await run({ action: 'delete', repository: 'app', digest })).outcome).toMatchObject({
      exitCode: 0,
      execution: { succeed: 2 },
    })
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(9)
  })

  test('of one tag deletes the others of its artifact, too, where they are gone, as Harbor names one of them', async () => {
    const { source, destination, place, yaml, run } = await scene('    deletion: events')
    for (const tag of ['same', 'kept']) source.add('app', image({ seed: 3 }), tag)
    await place.run(yaml)
    const { digest } = image({ seed: 3 })
    for (const tag of ['same', 'v3']) source.repository('app').tags.delete(tag)
    await run({ action: 'delete', repository: 'app', tag: 'same', digest })
    expect(tagsOf(destination, 'mirror/app')).not.toContain('same')
    expect(tagsOf(destination, 'mirror/app')).not.toContain('v3')
    expect(tagsOf(destination, 'mirror/app')).toContain('kept')
  })

  test('of a digest also finds tags that another tool has put there, but not with `owned`', async () => {
    const { digest } = image({ seed: 'z' })
    for (const deletion of ['events', 'owned']) {
      const { destination, run } = await scene(`    deletion: ${deletion}`)
      destination.add('mirror/app', image({ seed: 'z' }), 'z')
      await run({ action: 'delete', repository: 'app', digest })
      expect(tagsOf(destination, 'mirror/app')).toEqual(deletion === 'events' ? [] : ['z'])
    }
  })

  test('of a repository deletes what the policy brought from it', async () => {
    const { source, destination, place, yaml, run } = await scene('    deletion: events')
    await place.run(yaml)
    destination.add('mirror/app', image({ seed: 'own' }), 'own')
    source.repositories.delete('app')
    expect((await run({ action: 'delete', repository: 'app' })).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).toEqual(['own'])
  })

  test.each([
    ['', 5],
    ['\n    max_deletions: 5', 5],
    ['\n    max_deletions: 50%', 5],
    ['\n    max_deletions: 4', 0],
    ['\n    max_deletions: 40%', 0],
  ])('of five tags at once with the limit "%s" deletes %i, and what was pushed is copied', async (limit, count) => {
    const { source, destination, place, yaml, run } = await scene(`    deletion: events${limit}`)
    await place.run(yaml)
    for (let at = 0; at < 5; at += 1) source.repository('app').tags.delete(`v${at}`)
    source.add('app', image({ seed: 'new' }), 'new')
    const { outcome } = await run(push('new'), ...Array.from({ length: 5 }, (_, at) => gone(`v${at}`)))
    expect(outcome.exitCode).toBe(count === 0 ? 1 : 0)
    expect(tagsOf(destination, 'mirror/app')).toHaveLength(11 - count)
    expect(tagsOf(destination, 'mirror/app')).toContain('new')
  })

  test('goes on where a copy of the same run has failed', async () => {
    const { source, destination, place, yaml, run } = await scene('    deletion: events')
    await place.run(yaml)
    source.repository('app').tags.delete('v1')
    const broken = image({ seed: 'broken' })
    source.add('app', broken, 'broken')
    for (const digest of broken.blobs.keys()) source.repository('app').blobs.delete(digest)
    const { outcome } = await run(push('broken'), gone('v1'))
    expect(outcome).toMatchObject({ exitCode: 1, execution: { failed: 1, succeed: 1 } })
    expect(tagsOf(destination, 'mirror/app')).not.toContain('v1')
  })

  test('of one of the newest lets the next one in', async () => {
    const { source, destination, place, yaml, run } = await scene('    deletion: events\n    filters: { newest: 2 }')
    await place.run(yaml)
    expect(tagsOf(destination, 'mirror/app')).toEqual(['v8', 'v9'])
    source.repository('app').tags.delete('v9')
    expect((await run(gone('v9'))).outcome.exitCode).toBe(0)
    expect(tagsOf(destination, 'mirror/app')).toEqual(['v7', 'v8'])
  })
})
