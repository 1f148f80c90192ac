/** Charts that bring the images that they name: planned, copied, left alone, verified and repaired with them. */

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startHelmHttp } from '../fakes/helm-http.ts'
import { chart, digestOf, entryOf, indexOf, pushed, type TestChart } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { helm } from '../support/helm.ts'
import { type Artifact, image, index } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { pathOfTool } from '../support/tools.ts'
import { workplace } from './harness.ts'
import { program, until } from './program.ts'

const HELM = pathOfTool('helm')

interface World {
  readonly charts: Awaited<ReturnType<typeof startHelmHttp>>
  readonly images: MemoryRegistry
  readonly to: MemoryRegistry
  put(charts: readonly TestChart[]): void
  yaml(extra?: string, destination?: string): string
}

async function world(): Promise<World> {
  const [charts, images, to] = [await startHelmHttp(), await registry(), await registry()]
  onTestFinished(() => charts.close())
  return {
    charts,
    images,
    to,
    put(all) {
      for (const { file, archive } of all) charts.files.set(file, archive)
      charts.files.set('index.yaml', Buffer.from(indexOf(all.map((one) => entryOf(one)))))
    },
    yaml: (extra = '', destination = '{ registry: to, namespace: mirror, flatten: 0 }') => `
registries:
  charts: { type: helm-http, url: "${charts.url}" }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy:
    source: charts
    destination: ${destination}
    with_images: true
    retry: { attempts: 1, delay: 1s }
${extra}`,
  }
}

/** A chart whose values name these images. */
function naming(
  version: string,
  images: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
) {
  const values = Object.entries(images).map(([name, text]) => `${name}: { image: "${text}" }\n`)
  const pods = Object.keys(images).map((name) => `    - { name: ${name}, image: "{{ .Values.${name}.image }}" }\n`)
  return chart('shop', version, {
    'values.yaml': values.join(''),
    'templates/pod.yaml': `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n${pods.join('')}`,
    ...more,
  })
}

function tagsOf(to: MemoryRegistry): Record<string, readonly string[]> {
  const all = [...to.repositories].map(([name, { tags }]) => [name, [...tags.keys()].sort()] as const)
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const APP: Artifact = image({ seed: 'app' })
const SIDE: Artifact = image({ seed: 'side' })

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

const BARE = { PATH: '' }

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

describe('images of charts, by other ways than a plain run', () => {
  test('are in a saved plan, which is refused where one has moved since', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = program(BARE)
    here.write('policy.yaml', yaml())
    const plan = () => here.run(['plan', 'policy.yaml', '--out', 'plan.jsonl'])
    expect((await plan()).code).toBe(0)
    images.add('team/app', SIDE, '1.0')
    const refused = await here.run(['run', '--plan', 'plan.jsonl'])
    expect(refused.code).toBe(3)
    expect(refused.stderr).toMatch(/team\/app:1\.0 has moved since the plan was made/)
    images.add('team/app', APP, '1.0')
    const applied = await here.run(['run', '--plan', 'plan.jsonl'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    expect(tagsOf(to)).toEqual({ 'mirror/shop': ['1.0.0'], 'mirror/team/app': ['1.0'] })
  })

  test('are copied by what resumes or retries a run that left them', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = workplace(BARE)
    const stop = new AbortController()
    const first = await here.run(yaml(), {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'stage' && event.stage === 'transfer') stop.abort(new Error('stopped'))
      },
    })
    expect(first.outcome.execution).toMatchObject({ status: 'stopped' })
    const resumed = await here.resume(yaml(), first.outcome.execution?.id ?? 0)
    expect(resumed).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)['mirror/team/app']).toEqual(['1.0'])
  })

  test('are copied after the run was killed in the middle of one', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    const [layer = 'sha256:'] = [...APP.blobs.keys()]
    let open = (): void => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const bytes = APP.blobs.get(layer) ?? Buffer.alloc(0)
    images.repository('team/app').blobs.set(layer, {
      size: bytes.byteLength,
      async *open(offset) {
        await opened
        yield bytes.subarray(offset)
      },
    })
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = program(BARE)
    here.write('policy.yaml', yaml())
    const running = here.start(['run', 'policy.yaml'])
    await until('the image is read', () =>
      images.requests.some(({ method, route }) => method === 'GET' && route === 'blob'),
    )
    running.process.kill('SIGKILL')
    await running.ended
    open()
    const resumed = await here.run(['executions', 'resume', 'last'])
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
    expect(tagsOf(to)).toEqual({ 'mirror/shop': ['1.0.0'], 'mirror/team/app': ['1.0'] })
  })

  test('are verified down to the last blob, and repaired', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    images.add('team/side', SIDE, 'v2')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0`, side: `${images.host}/team/side:v2` })])
    const here = program(BARE)
    here.write('policy.yaml', yaml())
    expect((await here.run(['run', 'policy.yaml'])).code).toBe(0)
    expect(await here.run(['verify', 'policy.yaml'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3 artifacts compared'),
    })
    to.repository('mirror/team/app').tags.clear()
    const [blob = 'sha256:'] = [...SIDE.blobs.keys()]
    to.repository('mirror/team/side').blobs.delete(blob)
    const found = await here.run(['verify', 'policy.yaml'])
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/mirror\/team\/app:1\.0\s+missing/)
    expect(found.stdout).toContain(blob)
    const repaired = await here.run(['verify', 'policy.yaml', '--repair'])
    expect(repaired, repaired.stdout + repaired.stderr).toMatchObject({ code: 0 })
    expect(tagsOf(to)['mirror/team/app']).toEqual(['1.0'])
    expect(to.repository('mirror/team/side').blobs.has(blob)).toBe(true)
    images.repository('team/app').tags.clear()
    expect(await here.run(['verify', 'policy.yaml'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('is not there, and charts/shop:1.0.0 names it'),
    })
  })

  test('cross an air gap in one tar with their charts', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = workplace(BARE)
    const tar = join(here.directory, 'charts.tar')
    const out = await here.run(yaml('', `tar:${tar}`))
    expect(out.outcome.execution, JSON.stringify(out.tasks)).toMatchObject({ status: 'succeeded', total: 2 })
    expect((await here.run(yaml('', `tar:${tar}`))).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    const inside = await workplace(BARE).run(`
registries: { to: { type: docker-registry, url: "${to.url}" } }
policies: { in: { source: "tar:${tar}", destination: to/inner } }
`)
    expect(inside.outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)).toEqual({ 'inner/app': ['1.0'], 'inner/shop': ['1.0.0'] })
  })
})

describe('a chart from elsewhere', () => {
  /** A directory may hold anything: what it names is not this machine's. */
  async function layout(text: string) {
    const { images, to, put, yaml } = await world()
    put([naming('1.0.0', { app: text.replace('HOST', images.host) })])
    images.add('team/app', APP, '1.0')
    const here = workplace(BARE)
    const place = join(here.directory, 'layout')
    await here.run(yaml('', `"oci:${place}"`).replace('with_images: true', 'with_images: false'))
    const run = (more = '', host = '') =>
      here.run(`
registries:
  from: { type: oci-layout, path: "${place}"${more} }
  to: { type: docker-registry, url: "${to.url}" }
${host}
policies: { in: { source: from, destination: to, with_images: true, retry: { attempts: 1, delay: 1s } } }
`)
    return { images, to, run }
  }

  test('cannot send this program to itself, unless the configuration says so', async () => {
    const { images, to, run } = await layout('HOST/team/app:1.0')
    const { outcome, tasks } = await run()
    expect(outcome.execution).toMatchObject({ status: 'failed', succeed: 1, failed: 1 })
    const failed = tasks.find(({ status }) => status === 'failed')
    expect(failed?.error?.message).toMatch(/a chart of from names an image at .* is this machine: refused/)
    expect(failed?.error?.hint).toMatch(/define a registry for 127\.0\.0\.1:/)
    expect(images.requests).toEqual([])
    const defined = await run('', `  mine: { type: docker-registry, url: "${images.url}" }`)
    expect(defined.outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect(tagsOf(to)).toEqual({ shop: ['1.0.0'], 'team/app': ['1.0'] })
  })

  test('may be allowed to name an address', async () => {
    const { images, run } = await layout('HOST/team/app:1.0')
    const { outcome } = await run(`, allow_addresses: ["${images.host}"]`)
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
  })

  test.each([
    '169.254.169.254/latest/meta:1',
    'metadata.google.internal/a/b:1',
    '[::1]:5000/a/b:1',
    'localhost:1/a/b:1',
    '127.1/a/b:1',
    '0x7f.1:80/a/b:1',
    '[::ffff:7f00:1]:5000/a/b:1',
  ])('cannot send it to %s', async (text) => {
    const { run } = await layout(text)
    const { outcome, tasks } = await run()
    expect(outcome.execution).toMatchObject({ status: 'failed', succeed: 1, failed: 1 })
    expect(tasks.find(({ status }) => status === 'failed')?.error?.message).toContain('refused')
  })

  test('cannot reach the metadata of a cloud from a repository on this machine either', async () => {
    const { put, yaml } = await world()
    put([naming('1.0.0', { app: '169.254.169.254/latest/meta:1' })])
    const { tasks } = await workplace(BARE).run(yaml())
    expect(tasks.find(({ status }) => status === 'failed')?.error?.message).toContain(
      'the metadata of its cloud: refused',
    )
  })
})

const servers = missingHelm().length === 0 && availableServers().includes('docker-registry')

test.skipIf(!servers)(
  'a chart as Helm makes one brings its images between real registries, by the values it is installed with',
  async () => {
    const started = await Promise.all([startServer('docker-registry'), startServer('docker-registry')])
    onTestFinished(async () => void (await Promise.all(started.map((server) => server.stop()))))
    const [images, inside] = started
    if (!images || !inside) throw new Error('no servers')
    const by = helm()
    await by.run('create', 'web')
    await by.run('package', 'web')
    const archive = readFileSync(join(by.directory, 'web-0.1.0.tgz'))
    const charts = await startHelmHttp()
    onTestFinished(() => charts.close())
    charts.files.set('web-0.1.0.tgz', archive)
    const entry = { name: 'web', version: '0.1.0', urls: ['web-0.1.0.tgz'], digest: digestOf(archive).slice(7) }
    charts.files.set('index.yaml', Buffer.from(indexOf([entry])))
    const source = await registry()
    source.add('team/nginx', APP, '1.16.0')
    source.add('library/busybox', SIDE, 'latest')
    const here = workplace({ PATH: dirname(HELM ?? '') })
    const fill = `
registries: { from: { type: docker-registry, url: "${source.url}" }, to: { type: docker-registry, url: "${images.url}" } }
policies: { fill: { source: from, destination: to } }
`
    expect((await here.run(fill)).outcome.execution).toMatchObject({ status: 'succeeded' })
    // Its test pod names busybox of Docker Hub, which is a registry of the configuration here.
    const yaml = `
registries:
  charts: { type: helm-http, url: "${charts.url}" }
  docker.io: { type: docker-registry, url: "${images.url}" }
  to: { type: docker-registry, url: "${inside.url}" }
policies:
  web:
    source: charts
    destination: { registry: to, namespace: mirror, flatten: 0 }
    with_images: true
    values: values.yaml
    retry: { attempts: 1, delay: 1s }
`
    writeFileSync(join(here.directory, 'values.yaml'), `image: { repository: "${images.host}/team/nginx" }\n`)
    const first = await here.run(yaml)
    expect(first.outcome.execution, JSON.stringify(first.tasks)).toMatchObject({ status: 'succeeded', total: 3 })
    for (const [name, tag] of [
      ['web', '0.1.0'],
      ['team/nginx', '1.16.0'],
      ['library/busybox', 'latest'],
    ] as const) {
      const answer = await fetch(`${inside.url}/v2/mirror/${name}/tags/list`)
      expect(await answer.json(), name).toMatchObject({ tags: [tag] })
    }
    charts.asked.splice(0)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 3 })
    expect(charts.said()).toEqual(['GET index.yaml'])
    // With other values it is rendered again.
    writeFileSync(join(here.directory, 'values.yaml'), `image: { repository: "${images.host}/team/nginx", tag: "2" }\n`)
    const other = await here.run(yaml)
    expect(other.tasks.map(({ error }) => error?.message).join()).toContain('team/nginx:2')
    expect(await here.verify(yaml.replace('values.yaml', 'none.yaml')).catch(String)).toMatch(
      /values .*none\.yaml cannot be read/,
    )
  },
)
