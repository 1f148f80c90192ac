/** Charts that bring the images that they name: planned, copied and left alone with them. */

import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pushed } from '../../support/charts.ts'
import { type Artifact, image, index } from '../../support/images.ts'
import { registry } from '../../support/registries.ts'
import { workplace } from '../harness.ts'
import { program } from '../program.ts'
import { APP, BARE, HELM, naming, SIDE, tagsOf, world } from './world.ts'

/** Both ways give the same for charts that render what their values say. */
const WAYS = [
  { way: 'without Helm', path: '' },
  ...(HELM === undefined ? [] : [{ way: 'with Helm', path: dirname(HELM) }]),
] as const

describe.each(WAYS)('$way, the images that a chart names', ({ path }) => {
  test('are planned and copied with it, and an unchanged run reads no chart', async () => {
    const { charts, images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    images.add('team/side', SIDE, 'v2')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0`, side: `${images.host}/team/side:v2` })])
    const here = workplace({ PATH: path })
    const plan = await here.plan(yaml())
    expect(
      plan.actions.map(({ action, resource_type, source, named_by }) => [action, resource_type, source, named_by]),
    ).toEqual([
      ['copy', 'chart', 'charts/shop:1.0.0', null],
      ['copy', 'image', `${images.host}/team/app:1.0`, 'charts/shop:1.0.0'],
      ['copy', 'image', `${images.host}/team/side:v2`, 'charts/shop:1.0.0'],
    ])
    const first = await here.run(yaml())
    expect(first.outcome.execution, JSON.stringify(first.tasks)).toMatchObject({ status: 'succeeded', total: 3 })
    expect(tagsOf(to)).toEqual({ 'mirror/shop': ['1.0.0'], 'mirror/team/app': ['1.0'], 'mirror/team/side': ['v2'] })
    charts.asked.splice(0)
    for (const one of [images, to]) one.requests.splice(0)
    const second = await here.run(yaml())
    expect(second.outcome.execution).toMatchObject({ status: 'succeeded', total: 0, unchanged: 3 })
    expect(charts.asked.map(({ url, status }) => `${url} ${status}`)).toEqual(['/charts/index.yaml 304'])
    expect(images.summary()).toEqual({ 'HEAD manifest 200': 2 })
    expect(to.summary()).toMatchObject({ 'HEAD manifest 200': 3 })
    expect((await here.plan(yaml())).unchanged).toBe(3)
  })
})

describe('images of charts', () => {
  test('are looked at although their chart is unchanged, and stay where a newer chart names them no more', async () => {
    const { charts, images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    images.add('team/side', SIDE, 'v2')
    const both = naming('1.0.0', { app: `${images.host}/team/app:1.0`, side: `${images.host}/team/side:v2` })
    put([both])
    const here = workplace(BARE)
    await here.run(yaml('    deletion: mirror\n    max_deletions: 100%\n'))
    const moved = image({ seed: 'moved' })
    images.add('team/app', moved, '1.0')
    to.repository('mirror/team/side').tags.clear()
    charts.asked.splice(0)
    const plan = await here.plan(yaml())
    expect(plan.actions.map(({ action, source, named_by }) => [action, source, named_by])).toEqual([
      ['update', `${images.host}/team/app:1.0`, 'charts/shop:1.0.0'],
      ['copy', `${images.host}/team/side:v2`, 'charts/shop:1.0.0'],
    ])
    const again = await here.run(yaml())
    expect(again.outcome.execution).toMatchObject({ status: 'succeeded', total: 2, unchanged: 1 })
    expect(to.repository('mirror/team/app').tags.get('1.0')).toBe(moved.digest)
    expect(charts.said()).not.toContain(`GET ${both.file}`)
    put([naming('1.1.0', { app: `${images.host}/team/app:1.0` })])
    const newer = await here.run(yaml('    deletion: mirror\n    max_deletions: 100%\n'))
    expect(newer.outcome.execution, JSON.stringify(newer.tasks)).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)).toEqual({ 'mirror/shop': ['1.1.0'], 'mirror/team/app': ['1.0'], 'mirror/team/side': ['v2'] })
  })

  test('that their registry does not have fail under their chart, or are a warning', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0`, gone: `${images.host}/team/gone:1` })])
    const { outcome, tasks } = await workplace(BARE).run(yaml())
    expect(outcome).toMatchObject({ exitCode: 1, execution: { status: 'failed', succeed: 2, failed: 1 } })
    expect(tasks.find(({ status }) => status === 'failed')).toMatchObject({
      error: { code: 'missing', message: expect.stringContaining(`there is no ${images.host}/team/gone:1`) },
    })
    const warned = await workplace(BARE).run(yaml('    missing: warn\n'))
    expect(warned.outcome.execution).toMatchObject({ status: 'succeeded', unchanged: 2 })
    expect(warned.logs.join('\n')).toMatch(/there is no .*team\/gone:1, which charts\/shop:1\.0\.0 names/)
    expect(Object.keys(tagsOf(to))).toEqual(['mirror/shop', 'mirror/team/app'])
  })

  test('that are not named whole are told, each time, with their place', async () => {
    const { images, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    const more = {
      'values.yaml': `app: { image: "${images.host}/team/app:1.0" }\nsidecar: { image: { repository: a/b } }\n`,
    }
    put([naming('1.0.0', {}, more), naming('1.0.1', {}, more)])
    const here = workplace(BARE)
    const text = /charts\/shop:1\.0\.[01] and 1 other version: values\.yaml: sidecar\.image has no tag/
    for (const _ of ['first', 'unchanged']) expect((await here.run(yaml())).logs.join('\n')).toMatch(text)
    const by = program({ PATH: process.env.PATH ?? '' })
    by.write('policy.yaml', yaml())
    const planned = await by.run(['plan', 'policy.yaml', '--explain'])
    expect(planned, planned.stderr).toMatchObject({ code: 0, stderr: expect.stringMatching(text) })
    expect(planned.stdout).toContain(`kept    ${images.host}/team/app:1.0  named by charts/shop:1.0.0`)
  })

  test('are claimed like charts: what would land on one tag is refused, and both are named', async () => {
    const { images, put, yaml } = await world()
    images.add('library/shop', APP, '1.0.0')
    images.add('other/app', SIDE, '1')
    images.add('team/app', APP, '1')
    put([naming('1.0.0', { app: `${images.host}/library/shop:1.0.0` })])
    const flat = '{ registry: to, namespace: m, flatten: all }'
    const { outcome } = await workplace(BARE).run(yaml('', flat))
    expect(outcome).toMatchObject({ exitCode: 3 })
    expect(String(outcome.error)).toContain(
      `charts/shop:1.0.0 and ${images.host}/library/shop:1.0.0 would both land on to/m/shop:1.0.0`,
    )
    put([naming('1.0.0', { one: `${images.host}/other/app:1`, two: `${images.host}/team/app:1` })])
    expect(String((await workplace(BARE).run(yaml('', flat))).outcome.error)).toContain('would both land on to/m/app:1')
  })

  test('that are pinned land under their tag; of several digests of one tag each can be pulled', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    images.add('team/app', SIDE, 'other')
    const pinned = (version: string, { digest }: Artifact) =>
      naming(version, { app: `${images.host}/team/app:1.0@${digest}` })
    put([pinned('1.0.0', APP), pinned('2.0.0', SIDE)])
    const here = workplace(BARE)
    const first = await here.run(yaml())
    expect(first.outcome.execution, JSON.stringify(first.tasks)).toMatchObject({ status: 'succeeded', total: 4 })
    const { tags, manifests } = to.repository('mirror/team/app')
    expect([...tags.keys()]).toEqual(['1.0'])
    expect([...manifests.keys()].sort()).toEqual([APP.digest, SIDE.digest].sort())
    expect((await here.run(yaml())).outcome.execution).toMatchObject({ total: 0, unchanged: 4 })
  })

  test('are narrowed to the platforms of the policy', async () => {
    const { images, to, put, yaml } = await world()
    const [amd, arm] = ['amd64', 'arm64'].map((architecture) =>
      image({ seed: architecture, platform: { os: 'linux', architecture } }),
    )
    if (!amd || !arm) throw new Error('no images')
    images.add('team/app', index([amd, arm]), '1')
    put([naming('1.0.0', { app: `${images.host}/team/app:1` })])
    const { outcome } = await workplace(BARE).run(
      yaml('    filters: { platforms: [linux/arm64], platforms_index: narrow }\n'),
    )
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    const { manifests } = to.repository('mirror/team/app')
    expect(manifests.has(arm.digest)).toBe(true)
    expect(manifests.has(amd.digest)).toBe(false)
  })

  test('go to every destination', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    const untold = `app: { image: "${images.host}/team/app:1.0" }\nsidecar: { image: a/b }\n`
    put([naming('1.0.0', {}, { 'values.yaml': untold })])
    const other = await registry()
    const both = `[{ registry: to, namespace: a, flatten: 0 }, "${other.host}/b"]`
    const { outcome, logs } = await workplace(BARE).run(yaml('', both))
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 4 })
    expect(tagsOf(to)).toEqual({ 'a/shop': ['1.0.0'], 'a/team/app': ['1.0'] })
    expect(tagsOf(other)).toEqual({ 'b/app': ['1.0'], 'b/shop': ['1.0.0'] })
    expect(logs.filter((text) => text.includes('sidecar.image has no tag'))).toHaveLength(1)
  })

  test('come with charts of an OCI registry too, from that registry with its own credential', async () => {
    const auth = { kind: 'basic', user: 'me', password: 'secret-of-mine' } as const
    const [from, to] = [await registry({ auth }), await registry()]
    from.add('charts/shop', await pushed(naming('1.0.0', { app: `${from.host}/team/app:1.0` })), '1.0.0')
    from.add('team/app', APP, '1.0')
    const yaml = `
registries:
  from: { type: docker-registry, url: "${from.url}" }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy:
    source: from/charts/*
    destination: to
    with_images: true
    retry: { attempts: 1, delay: 1s }
`
    const here = workplace({ ...BARE, REPLICATE_FROM_USERNAME: 'me', REPLICATE_FROM_PASSWORD: 'secret-of-mine' })
    const first = await here.run(yaml)
    expect(first.outcome.execution, JSON.stringify(first.tasks)).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)).toEqual({ 'charts/shop': ['1.0.0'], 'team/app': ['1.0'] })
    from.requests.splice(0)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    expect(
      Object.keys(from.summary()).filter((name) => name.startsWith('GET manifest') || name.includes('blob')),
    ).toEqual([])
  })

  test('that could not be compared are compared when their turn comes', async () => {
    const { charts, to, put, yaml } = await world()
    let failing = true
    const images = await registry({
      fault: ({ route }) =>
        failing && route === 'manifest' ? { status: 503, headers: { 'retry-after': '0' } } : undefined,
    })
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = workplace(BARE)
    const { outcome, tasks } = await here.run(yaml().replace('attempts: 1', 'attempts: 3'), {
      onEvent: (event) => {
        if (event.type === 'stage' && event.stage === 'transfer') failing = false
      },
    })
    expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)['mirror/team/app']).toEqual(['1.0'])
    expect(charts.asked.length).toBeGreaterThan(0)
  })
})
