import { expect, test } from 'vitest'
import { descriptorOf } from '../../src/core/manifest.ts'
import { openHistory } from '../../src/history/history.ts'
import { cosignSignature, image, index, referrer } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween, workplace } from './harness.ts'

const linux = (architecture: string) => ({ os: 'linux', architecture })

for (const [how, options] of [
  ['the referrers API', {}],
  ['the fallback index', { referrers: false }],
] as const) {
  test(`referrers that come late are copied with --referrers all, and only they: ${how}`, async () => {
    const [source, destination] = [await registry(options), await registry(options)]
    const child = image({ seed: 'child' })
    const built = index([child, image({ seed: 'arm', platform: linux('arm64') })])
    source.add('app', built, 'v1')
    source.add('app', image({ seed: 'other' }), 'v2')
    const place = workplace()
    const yaml = policyBetween(source.url, destination.url)
    await place.run(yaml)

    const sbom = referrer(descriptorOf(child))
    const signed = referrer(descriptorOf(sbom), { artifactType: 'application/vnd.example.signature' })
    const cosign = cosignSignature(descriptorOf(built))
    const from = source.repository('app')
    source.add('app', cosign.artifact, cosign.tag)
    for (const [subject, attached] of [
      [child, sbom],
      [sbom, signed],
    ] as const) {
      source.add('app', attached)
      if (options.referrers !== false) continue
      const list = index([attached])
      source.add('app', list, subject.digest.replace(':', '-'))
      expect(from.tags.has(subject.digest.replace(':', '-'))).toBe(true)
    }

    expect((await place.run(yaml)).outcome.execution).toMatchObject({ unchanged: 2, total: 0 })
    const planned = await place.plan(yaml, { referrers: 'all' })
    expect(planned).toMatchObject({ unchanged: 1, actions: [{ action: 'update', reason: 'new referrers' }] })

    destination.requests.length = 0
    const { outcome, tasks } = await place.run(yaml, { referrers: 'all' })
    expect(outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 1, succeed: 1 } })
    expect(tasks).toMatchObject([{ action: 'update', src_resource: 'from/app:v1' }])
    const there = destination.repository('mirror/app')
    for (const { digest } of [sbom, signed, cosign.artifact]) expect(there.manifests.has(digest)).toBe(true)
    expect(there.tags.get(cosign.tag)).toBe(cosign.artifact.digest)
    const puts = destination.requests.filter(({ method, route }) => method === 'PUT' && route === 'manifest')
    expect(puts.some(({ path }) => path.endsWith('/v1') || path.endsWith(built.digest))).toBe(false)

    const again = await place.run(yaml, { referrers: 'all' })
    expect(again.outcome.execution).toMatchObject({ unchanged: 2, total: 0 })
  })
}

test('a signature that replaces another one is a late referrer', async () => {
  const [source, destination] = [await registry(), await registry()]
  const built = image()
  source.add('app', built, 'v1')
  const { tag, artifact } = cosignSignature(descriptorOf(built))
  source.add('app', artifact, tag)
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url)
  await place.run(yaml)
  const newer = cosignSignature(descriptorOf(built), 'att').artifact
  source.add('app', newer, tag)
  await place.run(yaml, { referrers: 'all' })
  expect(destination.repository('mirror/app').tags.get(tag)).toBe(newer.digest)
})

test('--referrers all leaves alone what a policy without referrers copied', async () => {
  const [source, destination] = [await registry(), await registry()]
  const built = image()
  source.add('app', built, 'v1')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, '    referrers: false')
  await place.run(yaml)
  source.add('app', referrer(descriptorOf(built)))
  const { outcome } = await place.run(yaml, { referrers: 'all' })
  expect(outcome.execution).toMatchObject({ unchanged: 1, total: 0 })
})

test('late referrers of the children of a narrowed index are copied, its own are not', async () => {
  const [source, destination] = [await registry(), await registry()]
  const amd = image({ seed: 'amd' })
  const built = index([amd, image({ seed: 'arm', platform: linux('arm64') })])
  source.add('app', built, 'v1')
  const place = workplace()
  const filters = '    filters: { platforms: [linux/amd64], platforms_index: narrow }'
  const yaml = policyBetween(source.url, destination.url, filters)
  await place.run(yaml)
  const [own, childs] = [referrer(descriptorOf(built)), referrer(descriptorOf(amd))]
  source.add('app', own)
  source.add('app', childs)
  const { outcome } = await place.run(yaml, { referrers: 'all' })
  expect(outcome.execution).toMatchObject({ succeed: 1 })
  const there = destination.repository('mirror/app')
  expect([there.manifests.has(childs.digest), there.manifests.has(own.digest)]).toEqual([true, false])
  expect((await place.run(yaml, { referrers: 'all' })).outcome.execution).toMatchObject({ unchanged: 1, total: 0 })
})

test('plan --explain names every repository and every tag once, with the rule that decided', async () => {
  const [source, destination] = [await registry(), await registry()]
  for (const tag of ['1.0', '1.1', '1.2', '2.0-rc1', 'latest']) source.add('team/app', image({ seed: tag }), tag)
  const signed = cosignSignature(descriptorOf(image({ seed: '1.2' })))
  source.add('team/app', signed.artifact, signed.tag)
  source.add('other/app', image({ seed: 'other' }), 'v1')
  destination.add('mirror/team/app', image({ seed: '1.1' }), '1.1')
  const filters = '    filters: { name: "team/**", tag: ["1.*", "2.*"], newest: 2, exclude: { tag: "*-rc*" } }'
  const yaml = policyBetween(source.url, destination.url, filters)
  const { explanations, unchanged } = await workplace().plan(yaml, { explain: true })
  expect(unchanged).toBe(1)
  expect(
    Object.fromEntries([...explanations].map(({ resource, kept, rule }) => [resource, `${kept} ${rule}`])),
  ).toEqual({
    'from/team/app': 'true name: team/**',
    'from/other/app': 'false name: team/**',
    'from/team/app:1.0': 'false newest: 2',
    'from/team/app:1.1': 'true tag: 1.*',
    'from/team/app:1.2': 'true tag: 1.*',
    'from/team/app:2.0-rc1': 'false exclude.tag: *-rc*',
    'from/team/app:latest': 'false tag: 1.*, 2.*',
    [`from/team/app:${signed.tag}`]: 'true attached to an image that is selected, travels with it',
  })
  expect([...explanations]).toHaveLength(8)
  expect([...(await workplace().plan(yaml)).explanations]).toEqual([])
})

const DAY = 86_400_000

test('min_age holds a new image back until it has been known for that long', async () => {
  const [source, destination] = [await registry(), await registry()]
  const built = image()
  source.add('app', built, 'v1')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, '    filters: { min_age: 3d }')
  const first = await place.run(yaml)
  expect(first.outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', total: 0 } })
  expect(first.logs.join('\n')).toContain('1 artifact is held back by min_age: 3d')
  expect(first.logs.join('\n')).toContain('0 unchanged, 0 new, 1 held back by min_age')
  expect(first.outcome.execution?.left_behind).toEqual({ min_age: 1 })
  expect((await place.plan(yaml)).left_behind).toEqual({ min_age: 1 })

  const aged = workplace()
  const history = await openHistory(aged.home, { clock: { now: () => Date.now() - 4 * DAY } })
  history.firstSeen.times(source.url, 'app', [built.digest])
  history.close()
  expect((await aged.plan(yaml)).actions).toMatchObject([{ action: 'copy' }])
  expect((await aged.run(yaml)).outcome.execution).toMatchObject({ succeed: 1 })
})

test('with min_age what was old enough is copied, also where its tag has moved to new content since', async () => {
  const [source, destination] = [await registry(), await registry()]
  const [before, after] = [image({ seed: 'before' }), image({ seed: 'after' })]
  source.add('app', before, 'latest')
  const place = workplace()
  const history = await openHistory(place.home, { clock: { now: () => Date.now() - 4 * DAY } })
  history.firstSeen.times(source.url, 'app', [before.digest])
  history.close()
  const yaml = policyBetween(source.url, destination.url, '    filters: { min_age: 3d }')
  await place.run(yaml, {
    onEvent: (event) => {
      if (event.type === 'stage' && event.stage === 'transfer' && event.state === 'started') {
        source.add('app', after, 'latest')
      }
    },
  })
  expect(destination.repository('mirror/app').tags.get('latest')).toBe(before.digest)
})
