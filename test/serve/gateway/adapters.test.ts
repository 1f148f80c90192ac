/** Pulls between other kinds of stores than two registries. */

import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { computeDigest } from '../../../src/core/manifest.ts'
import { startEcr } from '../../fakes/aws-ecr.ts'
import { AWS_KEY } from '../../fakes/aws-ecr-control.ts'
import { startHelmHttp } from '../../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../../support/charts.ts'
import { image, index } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { bodyOf, type Gateway, policies, pulled, registry, startGateway } from './gateway.ts'

type Image = ReturnType<typeof image>

async function pull(gateway: Gateway, app: Image): Promise<void> {
  const manifest = await gateway.get('team/app/manifests/1.0')
  expect([manifest.status, computeDigest(await bodyOf(manifest))]).toEqual([200, app.digest])
  const images = app.children.length > 0 ? app.children : [app]
  for (const child of images) {
    expect(computeDigest(await bodyOf(await gateway.get(`team/app/manifests/${child.digest}`)))).toBe(child.digest)
    for (const digest of child.blobs.keys()) {
      expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
    }
  }
}

test.each(['directory', 'tar'])('into a %s', async (kind) => {
  const source = await registry()
  const app = index([
    image({ size: 300_000 }),
    image({ seed: 2, size: 300_000, platform: { os: 'linux', architecture: 'arm64' } }),
  ])
  source.add('team/app', app, '1.0')
  const path = join(temporaryDirectory(), kind === 'tar' ? 'images.tar' : 'images')
  const gateway = await startGateway(`
registries:
  hub: {type: docker-registry, url: ${source.url}}
  here: {type: oci-layout, path: ${path}}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: {registry: here, namespace: mirror}
    triggers: [{pull: true}]
`)
  await pull(gateway, app)
  expect(await pulled(gateway)).toEqual([0])
  const before = source.requests.filter(({ method, route }) => method === 'GET' && route !== 'ping').length
  await pull(gateway, app)
  expect(source.requests.filter(({ method, route }) => method === 'GET' && route !== 'ping')).toHaveLength(before)
})

test('from a directory', async () => {
  const [staging, destination] = [await registry(), await registry()]
  const app = image({ size: 300_000 })
  staging.add('team/app', app, '1.0')
  const path = join(temporaryDirectory(), 'images')
  const first = await startGateway(`
registries:
  hub: {type: docker-registry, url: ${staging.url}}
  here: {type: oci-layout, path: ${path}}
policies:
  pulls:
    source: {registry: hub}
    destination: {registry: here}
    triggers: [{pull: true}]
`)
  await pull(first, app)
  await pulled(first)
  const second = await startGateway(`
registries:
  here: {type: oci-layout, path: ${path}}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  pulls:
    source: {registry: here}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true}]
`)
  await pull(second, app)
  expect(await pulled(second)).toEqual([0])
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('of a chart from a classic repository', async () => {
  const from = await startHelmHttp()
  onTestFinished(() => from.close())
  const one = chart('app', '1.0.0')
  from.files.set(one.file, one.archive)
  from.files.set('index.yaml', Buffer.from(indexOf([entryOf(one)])))
  const destination = await registry()
  const gateway = await startGateway(`
registries:
  from: {type: helm-http, url: ${from.url}}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  charts:
    source: {registry: from}
    destination: {registry: mine, namespace: charts}
    triggers: [{pull: true}]
`)
  for (const _ of ['first', 'later']) {
    const manifest = await gateway.get('app/manifests/1.0.0')
    expect(manifest.status).toBe(200)
    const { layers } = (await manifest.json()) as { layers: readonly { digest: string }[] }
    const archive = await bodyOf(await gateway.get(`app/blobs/${layers[0]?.digest}`))
    expect(archive.equals(one.archive)).toBe(true)
  }
  expect(await pulled(gateway)).toEqual([0])
})

test('into two destinations leaves the image at both', async () => {
  const [source, first, second] = [await registry(), await registry(), await registry()]
  const app = image({ size: 600_000 })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(`
registries:
  hub: {type: docker-registry, url: ${source.url}}
  one: {type: docker-registry, url: ${first.url}}
  two: {type: docker-registry, url: ${second.url}}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: [{registry: one, namespace: mirror}, {registry: two, namespace: mirror}]
    triggers: [{pull: true}]
`)
  await pull(gateway, app)
  expect(await pulled(gateway)).toEqual([0])
  expect([first, second].map((one) => one.repository('mirror/app').tags.get('1.0'))).toEqual([app.digest, app.digest])
})

test('into a registry whose repositories are created first', async () => {
  const source = await registry()
  const ecr = await startEcr()
  onTestFinished(() => ecr.close())
  const app = image({ size: 300_000 })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(
    `
registries:
  hub: {type: docker-registry, url: ${source.url}}
  mine:
    type: aws-ecr
    url: ${ecr.content.url}
    credential: {type: access_key, username: ${AWS_KEY.id}, password: "\${SECRET}"}
    options: {endpoint: ${ecr.content.url}, region: eu-west-1}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true}]
`,
    { env: { SECRET: AWS_KEY.secret } },
  )
  await pull(gateway, app)
  expect(await pulled(gateway)).toEqual([0])
  expect([...ecr.repositories.keys()]).toEqual(['mirror/app'])
  expect(ecr.content.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
  await pull(gateway, app)
})

for (const status of [401, 403]) {
  test(`into a registry that answers ${status} to a look at a repository that does not exist`, async () => {
    const source = await registry()
    const app = image()
    source.add('team/app', app, '1.0')
    let isWritten = false
    const destination = await registry({
      fault: ({ method, path, route }) => {
        isWritten ||= method === 'POST'
        const isLook = (method === 'HEAD' || method === 'GET') && path.startsWith('/v2/mirror/') && route !== 'tags'
        return isLook && !isWritten ? { status } : undefined
      },
    })
    const gateway = await startGateway(policies(source, destination))
    const [unknown] = image({ seed: 9 }).blobs.keys()
    const before = ['tags/list', `blobs/${unknown}`, `manifests/${image({ seed: 9 }).digest}`, 'manifests/2.0']
    for (const path of before) expect([path, (await gateway.get(`team/app/${path}`)).status]).toEqual([path, 404])
    expect((await gateway.get(`team/app/referrers/${app.digest}`)).status).toBe(200)
    // As most clients pull.
    expect((await gateway.head('team/app/manifests/1.0')).status).toBe(200)
    const manifest = await gateway.get(`team/app/manifests/${app.digest}`)
    expect([manifest.status, computeDigest(await bodyOf(manifest))]).toEqual([200, app.digest])
    for (const digest of app.blobs.keys()) {
      expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
    }
    expect(await pulled(gateway)).toEqual([0])
    expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
  })
}

test.each([401, 403])(
  'into a registry that refuses every look with %i is unavailable, and not absent',
  async (status) => {
    const source = await registry()
    source.add('team/app', image(), '1.0')
    const destination = await registry({
      fault: ({ path }) => (path.startsWith('/v2/mirror/') ? { status } : undefined),
    })
    const gateway = await startGateway(policies(source, destination))
    for (const path of ['tags/list', 'manifests/1.0', `manifests/${image().digest}`]) {
      expect([path, (await gateway.get(`team/app/${path}`)).status]).toEqual([path, 503])
    }
  },
)
