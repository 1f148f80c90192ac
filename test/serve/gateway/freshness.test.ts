/** Tags that move, sources that are down, and rules of a policy that hold a tag back. */

import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { startHelmHttp } from '../../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../../support/charts.ts'
import { image, index, referrer } from '../../support/images.ts'
import { asked, bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const digestOf = (response: Response): string | null => response.headers.get('docker-content-digest')

test('a tag that has moved is brought once it is older than max_age', async () => {
  const [source, destination] = [await registry(), await registry()]
  const [old, now] = [image(), image({ seed: 2 })]
  source.add('team/app', old, '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(old.digest)
  await pulled(gateway)
  source.add('team/app', now, '1.0')
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(now.digest)
  await pulled(gateway, 2)
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(now.digest)
})

test('a fresh tag is not asked for again at its source', async () => {
  const [source, destination] = [await registry(), await registry()]
  const old = image()
  source.add('team/app', old, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await pulled(gateway)
  source.add('team/app', image({ seed: 2 }), '1.0')
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(old.digest)
})

test('with the source down the destination’s copy is served with a warning, and what is not there is 503', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await pulled(gateway)
  await source.close()
  const there = await gateway.get('team/app/manifests/1.0')
  expect([there.status, there.headers.get('warning'), digestOf(there)]).toEqual([
    200,
    '111 replicate "Revalidation Failed"',
    image().digest,
  ])
  const [digest] = image().blobs.keys()
  expect((await gateway.get(`team/app/blobs/${digest}`)).status).toBe(200)
  const absent = await gateway.get('team/app/manifests/2.0')
  expect([absent.status, await absent.json()]).toMatchObject([503, { errors: [{ code: 'UNAVAILABLE' }] }])
})

test('a tag that the source no longer has is served as stale', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await pulled(gateway)
  source.repository('team/app').tags.delete('1.0')
  const there = await gateway.get('team/app/manifests/1.0')
  expect([there.status, there.headers.get('warning')]).toEqual([200, '110 replicate "Response is Stale"'])
})

test('what min_age holds back is 404 with that rule, or the destination’s older content', async () => {
  const [source, destination] = [await registry(), await registry()]
  const old = image()
  source.add('team/app', image({ seed: 2 }), '1.0', '2.0')
  destination.add('mirror/app', old, '1.0')
  const gateway = await startGateway(policies(source, destination, '    filters: {min_age: 7d}\n'))
  const young = await gateway.get('team/app/manifests/2.0')
  expect([young.status, await young.json()]).toMatchObject([
    404,
    { errors: [{ detail: expect.stringContaining('min_age: 7d'), message: expect.stringContaining('min_age: 7d') }] },
  ])
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(old.digest)
  expect((await gateway.get(`team/app/manifests/${image({ seed: 2 }).digest}`)).status).toBe(404)
})

test('a HEAD copies nothing, and the GET of its digest does', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination, '    filters: {tag: ["1.*"]}\n'))
  const head = await gateway.head('team/app/manifests/1.0')
  expect([head.status, digestOf(head), head.headers.get('content-length')]).toEqual([
    200,
    app.digest,
    String(app.bytes.byteLength),
  ])
  expect(gateway.news.some(({ type }) => type === 'execution_started')).toBe(false)
  const manifest = await gateway.get(`team/app/manifests/${app.digest}`)
  expect([manifest.status, (await bodyOf(manifest)).equals(Buffer.from(app.bytes))]).toEqual([200, true])
  expect(await pulled(gateway)).toEqual([0])
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('a digest without a tag is pulled where no rule needs a tag', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  expect((await gateway.get(`team/app/manifests/${app.digest}`)).status).toBe(200)
  expect(await pulled(gateway)).toEqual([0])
  expect(destination.repository('mirror/app').manifests.has(app.digest)).toBe(true)
})

test('a narrowed index is served as the destination has it', async () => {
  const [source, destination] = [await registry(), await registry()]
  const amd64 = image()
  const all = index([amd64, image({ seed: 2, platform: { os: 'linux', architecture: 'arm64' } })])
  source.add('team/app', all, '1.0')
  const rules = '    filters: {platforms: [linux/amd64], platforms_index: narrow}\n'
  const gateway = await startGateway(policies(source, destination, rules))
  const first = await gateway.get('team/app/manifests/1.0')
  const digest = digestOf(first)
  expect(await first.json()).toMatchObject({ manifests: [{ digest: amd64.digest }] })
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(digest)
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(digest)
  expect(await pulled(gateway)).toEqual([0])
})

test('a chart that is added to a classic repository can be pulled once what was seen is older than max_age', async () => {
  const from = await startHelmHttp()
  onTestFinished(() => from.close())
  const versions = [chart('app', '1.0.0'), chart('app', '1.1.0')]
  const publish = (count: number): void => {
    const held = versions.slice(0, count)
    for (const one of held) from.files.set(one.file, one.archive)
    from.files.set('index.yaml', Buffer.from(indexOf(held.map((one) => entryOf(one)))))
  }
  publish(1)
  const destination = await registry()
  const gateway = await startGateway(`
registries:
  from: {type: helm-http, url: ${from.url}}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  charts:
    source: {registry: from}
    destination: {registry: mine, namespace: charts}
    triggers: [{pull: true, max_age: 1ms}]
`)
  const status = async (version: string): Promise<number> => (await gateway.get(`app/manifests/${version}`)).status
  expect([await status('1.0.0'), await status('1.1.0')]).toEqual([200, 404])
  publish(2)
  await until('the new version is found', async () => (await status('1.1.0')) === 200)
})

test('tags that are attached later are told as referrers', async () => {
  const [source, destination] = [await registry(), await registry({ referrers: false })]
  const app = image()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  expect(await pulled(gateway)).toEqual([0])
  const referrers = async (): Promise<number> => {
    await bodyOf(await gateway.get('team/app/tags/list'))
    const answer = await gateway.get(`team/app/referrers/${app.digest}`)
    return ((await answer.json()) as { manifests: readonly unknown[] }).manifests.length
  }
  expect(await referrers()).toBe(0)
  const sbom = referrer(app.descriptor, { artifactType: 'application/spdx+json' })
  destination.add('mirror/app', sbom)
  // As clients write it where a registry has no list of referrers.
  destination.add('mirror/app', index([sbom]), app.digest.replace(':', '-'))
  await until('the referrer is told', async () => (await referrers()) === 1)
})

test('the newest tags are looked for once, and what is not one of them is 404 with that rule', async () => {
  const [source, destination] = [await registry(), await registry()]
  for (let at = 0; at < 6; at += 1) source.add('team/app', image({ seed: at }), `1.${at}`)
  const gateway = await startGateway(policies(source, destination, '    filters: {newest: 3}\n'))
  const statuses: number[] = []
  const requests: number[] = []
  for (const tag of ['1.5', '1.4', '1.3', '1.2', '1.1']) {
    const before = asked(source).length
    const answer = await gateway.get(`team/app/manifests/${tag}`)
    await bodyOf(answer)
    statuses.push(answer.status)
    if (answer.status === 200) expect((await pulled(gateway, statuses.length)).at(-1)).toBe(0)
    requests.push(asked(source).length - before)
  }
  expect(statuses).toEqual([200, 200, 200, 404, 404])
  const lists = asked(source).filter(({ route }) => route === 'tags')
  expect(lists).toHaveLength(1)
  // Just what the tag is.
  expect(requests.slice(3)).toEqual([1, 1])
  // Of the first pull: the list, and nothing of another tag.
  const others = asked(source).filter(({ path }) => /manifests\/1\.[012]$/.test(path))
  expect(others.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'HEAD /v2/team/app/manifests/1.2',
    'HEAD /v2/team/app/manifests/1.1',
  ])
  const first = asked(source).slice(0, requests[0])
  const tags = first.filter(({ route, path }) => route === 'manifest' && !/sha256[:-]/.test(path))
  expect([...new Set(tags.map(({ path }) => path))]).toEqual(['/v2/team/app/manifests/1.5'])
})

test('an event of the source makes a tag count as old at once', async () => {
  const [source, destination] = [await registry(), await registry()]
  const [before, after] = [image(), image({ seed: 2 })]
  source.add('team/app', before, '1.0')
  const yaml = policies(source, destination, '', '1h').replace('hub: {', 'hub: {hook_secret: none, ')
  const gateway = await startGateway(yaml)
  const digest = async (): Promise<string | null> => {
    const answer = await gateway.get('team/app/manifests/1.0')
    await bodyOf(answer)
    return answer.headers.get('docker-content-digest')
  }
  expect(await digest()).toBe(before.digest)
  expect(await pulled(gateway)).toEqual([0])
  source.add('team/app', after, '1.0')
  expect(await digest()).toBe(before.digest)
  const target = { mediaType: after.mediaType, repository: 'team/app', tag: '1.0', digest: after.digest }
  const event = { id: 'one', timestamp: new Date().toISOString(), action: 'push', target }
  const told = await fetch(`${gateway.url}/hooks/hub`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.docker.distribution.events.v1+json' },
    body: JSON.stringify({ events: [event] }),
  })
  expect(told.status).toBe(202)
  expect(await digest()).toBe(after.digest)
})
