/** Classic chart repositories: read as the artifacts that `helm push` makes, gently, and each bad chart alone. */

import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { workplace } from '../e2e/harness.ts'
import { program } from '../e2e/program.ts'
import { type Answer, type FakeOptions, type FakeRepository, startHelmHttp } from '../fakes/helm-http.ts'
import {
  chart,
  digestOf,
  entryOf,
  type IndexedChart,
  indexOf,
  packed,
  provenance,
  pushed,
  type TestChart,
} from '../support/charts.ts'
import { registry } from '../support/registries.ts'

const DEMO = chart('demo', '1.0.0')
const BUILD = chart('demo', '1.1.0+b.1')
const OTHER = chart('other', '0.1.0')

async function repository(charts: readonly TestChart[], options: FakeOptions = {}): Promise<FakeRepository> {
  const started = await startHelmHttp(options)
  onTestFinished(() => started.close())
  put(started, charts)
  return started
}

function put({ files }: FakeRepository, charts: readonly TestChart[], entries: readonly IndexedChart[] = []): void {
  for (const { file, archive } of charts) files.set(file, archive)
  files.set('index.yaml', Buffer.from(indexOf([...charts.map((one) => entryOf(one)), ...entries])))
}

function policy(url: string, destination: string, filters = '', extra = ''): string {
  return `
registries:
  charts: { type: helm-http, url: "${url}"${extra} }
  to: { type: docker-registry, url: ${destination} }
policies:
  copy:
    source: { registry: charts }
    destination: { registry: to, namespace: mirror, flatten: 0 }
    retry: { attempts: 1, delay: 1s }
    filters: { ${filters} }
`
}

/** Tags of the destination with the digest of their chart's archive. */
function archives(to: Awaited<ReturnType<typeof registry>>, name: string): Record<string, string> {
  return Object.fromEntries(
    [...(to.repositories.get(name)?.tags ?? [])].map(([tag, digest]) => {
      const bytes = to.repositories.get(name)?.manifests.get(digest)?.bytes ?? Buffer.alloc(0)
      const { layers } = JSON.parse(Buffer.from(bytes).toString('utf8'))
      return [tag, layers.map(({ digest: layer }: { digest: string }) => layer).join(' ')]
    }),
  )
}

describe('a chart repository', () => {
  test('becomes artifacts, and a second run asks for the index only, and not for its content', async () => {
    const from = await repository([DEMO, BUILD, OTHER])
    const to = await registry()
    const here = workplace()
    const first = await here.run(policy(from.url, to.url))
    expect(first.outcome.execution).toMatchObject({ status: 'succeeded', total: 3 })
    expect(archives(to, 'mirror/demo')).toEqual({ '1.0.0': DEMO.digest, '1.1.0_b.1': BUILD.digest })
    from.asked.splice(0)
    const second = await here.run(policy(from.url, to.url))
    expect(second.outcome.execution).toMatchObject({ status: 'succeeded', total: 0, unchanged: 3 })
    expect(from.asked.map(({ url, status }) => `${url} ${status}`)).toEqual(['/charts/index.yaml 304'])
    expect(second.tasks).toEqual([])
    expect(await here.verify(policy(from.url, to.url))).toMatchObject({ differences: [] })
  })

  test('is unchanged where somebody else pushed the chart, and updated where its archive is another one', async () => {
    const from = await repository([DEMO])
    const to = await registry()
    const yaml = policy(from.url, to.url)
    await workplace().run(yaml)
    // As an older helm pushes it: without annotations.
    const there = to.repositories.get('mirror/demo')
    const [digest = 'sha256:'] = [...(there?.tags.values() ?? [])]
    const { annotations: _, ...plain } = JSON.parse(String(there?.manifests.get(digest)?.bytes))
    const bytes = Buffer.from(JSON.stringify(plain))
    there?.manifests.set(digestOf(bytes), { mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes })
    there?.tags.set('1.0.0', digestOf(bytes))
    const here = workplace()
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
    const changed = chart('demo', '1.0.0', {}, 'changed')
    put(from, [changed])
    const plan = await here.plan(yaml)
    expect(plan.actions).toMatchObject([{ action: 'update', resource_type: 'chart', digest: changed.digest }])
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect(archives(to, 'mirror/demo')).toEqual({ '1.0.0': changed.digest })
  })

  test('may be slow with one chart while many others pass it', async () => {
    const all = Array.from({ length: 120 }, (_, at) => chart(`c${String(at).padStart(3, '0')}`, '1.0.0'))
    let pass = (): void => {}
    const passed = new Promise<void>((resolve) => {
      pass = resolve
    })
    const from = await repository(all, {
      hold(name) {
        if (from.asked.filter(({ url }) => url.endsWith('.tgz')).length > 90) pass()
        return name === all[0]?.file ? passed : undefined
      },
    })
    const to = await registry()
    const { outcome, tasks } = await workplace().run(policy(from.url, to.url))
    const failed = tasks.flatMap(({ error }) => error?.message ?? [])
    expect(failed).toEqual([])
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 120 })
  })

  test('gives its provenance, and passes over a web page in its place', async () => {
    const from = await repository([DEMO, OTHER])
    from.files.set(`${DEMO.file}.prov`, provenance(DEMO))
    from.files.set(`${OTHER.file}.prov`, Buffer.from('<html>not found</html>'))
    const to = await registry()
    await workplace().run(policy(from.url, to.url))
    expect(archives(to, 'mirror/demo')['1.0.0']?.split(' ')).toHaveLength(2)
    expect(archives(to, 'mirror/demo')['1.0.0']).toContain(digestOf(provenance(DEMO)))
    expect(archives(to, 'mirror/other')).toEqual({ '0.1.0': OTHER.digest })
  })

  test('is filtered by version, keyword, deprecation and name', async () => {
    const versions = ['0.9.0', '1.0.0', '1.1.0+b.1', '2.0.0-rc.1'].map((version) => chart('demo', version))
    const from = await repository([])
    const labelled = versions.map((one, at) => entryOf(one, { keywords: at < 2 ? ['sql'] : ['web'] }))
    const old = { ...entryOf(OTHER), deprecated: true, keywords: ['sql'] }
    put(from, [])
    from.files.set('index.yaml', Buffer.from(indexOf([...labelled, old])))
    const to = await registry()
    const taken = async (filters: string): Promise<readonly string[]> => {
      const { actions } = await workplace().plan(policy(from.url, to.url, filters))
      return actions.map(({ source }) => source.replace(/^charts\//, '').replace(/@.*$/, ''))
    }
    expect(await taken('semver: ">=1"')).toEqual(['demo:1.0.0', 'demo:1.1.0_b.1'])
    expect(await taken('newest: 1, name: demo')).toEqual(['demo:2.0.0-rc.1'])
    expect(await taken('tag: "1.1.0+b.1"')).toEqual(['demo:1.1.0_b.1'])
    expect(await taken('label: sql')).toEqual(['demo:0.9.0', 'demo:1.0.0', 'other:0.1.0'])
    expect(await taken('label: sql, deprecated: false')).toEqual(['demo:0.9.0', 'demo:1.0.0'])
    expect(await taken('deprecated: true')).toEqual(['other:0.1.0'])
  })

  test('is found by a namespace of its own', async () => {
    const from = await repository([DEMO])
    const to = await registry()
    const yaml = policy(from.url, to.url, 'name: acme/*', ', options: { namespace: acme }')
    expect((await workplace().run(yaml)).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect([...to.repositories.keys()]).toEqual(['mirror/acme/demo'])
  })

  test('is checked by its index, and shown with what it can', async () => {
    const from = await repository([DEMO])
    const here = program()
    const added = await here.run(['registries', 'add', 'charts', '--type', 'helm-http', '--url', from.url])
    expect(added.code, added.stderr).toBe(0)
    const checked = await here.run(['registries', 'ping', 'charts'])
    expect(checked.stdout + checked.stderr).toMatch(/✓ GET index\.yaml .*answered as Helm repository/)
    expect(new Set(from.said())).toEqual(new Set(['GET index.yaml']))
    const shown = await here.run(['adapters', 'show', 'helm-http'])
    expect(shown.stdout).toMatch(/✓ repositories are listed/)
  })

  test('is no destination', async () => {
    const from = await repository([DEMO])
    const turned = policy(from.url, 'http://127.0.0.1:9')
      .replace('registry: charts', 'registry: to')
      .replace('registry: to, n', 'registry: charts, n')
    await expect(workplace().run(turned)).rejects.toThrow('`charts` is a `helm-http`, which can only be read')
  })
})

describe('an index without digests, or with wrong ones', () => {
  test('has its archives read once, and then asked for only where they have changed', async () => {
    const from = await repository([DEMO, OTHER])
    const wrong = 'ab'.repeat(32)
    from.files.set(
      'index.yaml',
      Buffer.from(indexOf([entryOf(DEMO, { digest: undefined }), entryOf(OTHER, { digest: wrong })])),
    )
    const to = await registry()
    const here = workplace()
    const first = await here.run(policy(from.url, to.url))
    expect(first.outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    expect(first.logs.filter((line) => line.includes(`sha256:${wrong}`))).toEqual([
      `chart other 0.1.0: the index says sha256:${wrong}, its archive is ${OTHER.digest}`,
    ])
    from.asked.splice(0)
    expect((await here.run(policy(from.url, to.url))).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    expect(from.asked.map(({ url, status }) => `${url} ${status}`).toSorted()).toEqual([
      '/charts/demo-1.0.0.tgz 304',
      '/charts/index.yaml 304',
      '/charts/other-0.1.0.tgz 304',
    ])
    const changed = chart('demo', '1.0.0', {}, 'changed')
    from.files.set(changed.file, changed.archive)
    expect((await here.run(policy(from.url, to.url))).outcome.execution).toMatchObject({
      status: 'succeeded',
      total: 1,
    })
    expect(archives(to, 'mirror/demo')).toEqual({ '1.0.0': changed.digest })
  })

  test('is a failure with verify: full, and then nothing is written', async () => {
    const from = await repository([])
    from.files.set(OTHER.file, OTHER.archive)
    from.files.set('index.yaml', Buffer.from(indexOf([entryOf(OTHER, { digest: 'ab'.repeat(32) })])))
    const to = await registry()
    const yaml = policy(from.url, to.url).replace('    retry:', '    verify: full\n    retry:')
    const { outcome, tasks } = await workplace().run(yaml)
    expect(outcome.execution).toMatchObject({ status: 'failed' })
    expect(tasks[0]?.error?.message).toContain(OTHER.digest)
    expect([...(to.repositories.get('mirror/other')?.tags ?? [])]).toEqual([])
  })
})

/** A chart with so many files of so many MiB, all zeros. */
function bomb(files: number, size: number): Buffer {
  const yaml = Buffer.from('name: bad\nversion: 1.0.0\n')
  const members = Array.from({ length: files }, (_, at) => [`bad/${at}`, Buffer.alloc(size << 20)] as const)
  return packed([['bad/Chart.yaml', yaml], ...members])
}

/** Members of a gzip follow each other: many that are the same unpack to `mebibytes`. */
function zeros(mebibytes: number): Buffer {
  const one = gzipSync(Buffer.alloc(1 << 20))
  return Buffer.concat(Array.from({ length: mebibytes }, () => one))
}

describe('a bad chart', () => {
  const good = chart('good', '1.0.0')
  const cases: readonly (readonly [string, IndexedChart, Buffer | Answer | undefined, RegExp])[] = [
    ['is not there', entryOf(chart('bad', '1.0.0')), undefined, /bad 1\.0\.0 .*its archive is not there/],
    ['is no archive', entryOf(chart('bad', '1.0.0')), Buffer.from('<html>'), /bad 1\.0\.0: not a chart's archive/],
    ['has no Chart.yaml', entryOf(chart('bad', '1.0.0')), packed([['bad/x', Buffer.from('x')]]), /no Chart\.yaml/],
    ['has another name', entryOf(chart('bad', '1.0.0')), good.archive, /bad 1\.0\.0: its archive holds good 1\.0\.0/],
    ['has another version', entryOf(chart('bad', '1.0.0')), chart('bad', '2.0.0').archive, /holds bad 2\.0\.0/],
    [
      'has no version',
      { name: 'bad', version: '1.0-x_y', urls: ['bad-1.0.0.tgz'] },
      good.archive,
      /not a semantic version/,
    ],
    ['has no URL', { name: 'bad', version: '1.0.0', urls: [] }, undefined, /no URL/],
    [
      'leaves its archive',
      entryOf(chart('bad', '1.0.0')),
      packed([['bad/../../x', Buffer.from('x')]]),
      /bad 1\.0\.0: .*leaves the directory/,
    ],
    [
      'is an absolute path',
      entryOf(chart('bad', '1.0.0')),
      packed([['bad//etc/passwd', Buffer.from('x')]]),
      /bad 1\.0\.0: .*is an absolute path/,
    ],
    [
      'is cut off',
      entryOf(chart('bad', '1.0.0')),
      chart('bad', '1.0.0').archive.subarray(0, 150),
      /bad 1\.0\.0: not a/,
    ],
    ['has a file that is too large', entryOf(chart('bad', '1.0.0')), bomb(1, 6), /bad 1\.0\.0: .*larger than 5 MiB/],
    ['unpacks to too much', entryOf(chart('bad', '1.0.0')), bomb(26, 4), /bad 1\.0\.0: .*more than 100 MiB/],
    [
      'is nothing but a gigabyte of zeros',
      entryOf(chart('bad', '1.0.0')),
      zeros(1024),
      /bad 1\.0\.0: .*(more than 100 MiB|no Chart\.yaml)/,
    ],
    [
      'has no version in its Chart.yaml',
      entryOf(chart('bad', '1.0.0')),
      packed([['bad/Chart.yaml', Buffer.from('name: bad')]]),
      /bad 1\.0\.0: .*no version/,
    ],
    [
      'has a version that is none in its Chart.yaml',
      entryOf(chart('bad', '1.0.0')),
      packed([['bad/Chart.yaml', Buffer.from('name: bad\nversion: latest')]]),
      /bad 1\.0\.0: .*not a semantic version/,
    ],
    ['is refused by its host', entryOf(chart('bad', '1.0.0')), { status: 403 }, /403/],
    [
      'has a URL that is none',
      entryOf(chart('bad', '1.0.0'), { urls: ['http://['] }),
      undefined,
      /bad 1\.0\.0: .*not a URL/,
    ],
    [
      'has the address of nothing',
      entryOf(chart('bad', '1.0.0'), { urls: ['oci://nowhere'] }),
      undefined,
      /bad 1\.0\.0: .*not the address of a chart/,
    ],
  ]
  test.each(cases)('that %s fails alone, by name', async (_, entry, file, reason) => {
    const from = await repository([good], {})
    put(from, [good], [entry])
    if (file) from.files.set('bad-1.0.0.tgz', file)
    const to = await registry()
    const { outcome, tasks } = await workplace().run(policy(from.url, to.url))
    expect(outcome.execution).toMatchObject({ status: 'failed', succeed: 1, failed: 1 })
    const failed = tasks.find(({ status }) => status === 'failed')
    expect(failed?.error?.message).toMatch(reason)
    expect(archives(to, 'mirror/good')).toEqual({ '1.0.0': good.digest })
    expect([...(to.repositories.get('mirror/bad')?.tags ?? [])]).toEqual([])
  })
})

describe('URLs of an index', () => {
  test('lead to mirrors where the first is gone, and to hosts that take a + for a space', async () => {
    const from = await repository([])
    const mirror = await repository([])
    mirror.files.set('pool/demo.tgz', DEMO.archive)
    from.files.set('x/Build 1.tgz', { status: 404 })
    from.files.set(BUILD.file, BUILD.archive)
    from.files.set(
      'index.yaml',
      Buffer.from(
        indexOf([
          entryOf(DEMO, { urls: ['gone.tgz', `${mirror.url}/pool/demo.tgz`] }),
          entryOf(BUILD, { urls: [`${from.url}/${BUILD.file}`] }),
        ]),
      ),
    )
    const to = await registry()
    const { outcome } = await workplace().run(policy(from.url, to.url))
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
  })

  test('lead to OCI registries, which get their own credential', async () => {
    const at = await registry({ auth: { kind: 'basic', user: 'bob', password: 'other' } })
    at.add('pool/demo', await pushed(BUILD), '1.1.0_b.1')
    const from = await repository([DEMO], { credential: 'ann:pw' })
    put(
      from,
      [DEMO],
      [entryOf(BUILD, { digest: 'ab'.repeat(32), urls: [`oci://${at.host}/pool/demo:${BUILD.version}`] })],
    )
    const to = await registry()
    const host = at.host.toUpperCase().replace(/[^A-Z0-9]/g, '_')
    const env = {
      REPLICATE_CHARTS_USERNAME: 'ann',
      REPLICATE_CHARTS_PASSWORD: 'pw',
      [`REPLICATE_${host}_USERNAME`]: 'bob',
      [`REPLICATE_${host}_PASSWORD`]: 'other',
    }
    const here = workplace(env)
    const { outcome, tasks } = await here.run(policy(from.url, to.url))
    expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: 2 })
    expect(archives(to, 'mirror/demo')).toEqual({ '1.0.0': DEMO.digest, '1.1.0_b.1': BUILD.digest })
    expect((await here.run(policy(from.url, to.url))).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
  })

  test('keep the query of the repository', async () => {
    const from = await repository([DEMO], { query: 'token=s3cret' })
    const to = await registry()
    const { outcome } = await workplace().run(policy(from.url, to.url, '', ', options: { query: token=s3cret }'))
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
  })

  test('get the credential only where scheme, host and port are the repository’s', async () => {
    const env = { REPLICATE_CHARTS_USERNAME: 'ann', REPLICATE_CHARTS_PASSWORD: 'pw' }
    const elsewhere = await repository([DEMO])
    const from = await repository([OTHER], { credential: 'ann:pw' })
    put(from, [OTHER], [entryOf(DEMO, { urls: [`${elsewhere.url}/${DEMO.file}`] })])
    const moved = chart('moved', '1.0.0')
    elsewhere.files.set(moved.file, moved.archive)
    from.files.set('moved.tgz', { status: 302, headers: { location: `${elsewhere.url}/${moved.file}` } })
    put(
      from,
      [OTHER],
      [entryOf(DEMO, { urls: [`${elsewhere.url}/${DEMO.file}`] }), entryOf(moved, { urls: ['moved.tgz'] })],
    )
    const to = await registry()
    const { outcome } = await workplace(env).run(policy(from.url, to.url))
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 3 })
    expect(elsewhere.asked.length).toBeGreaterThan(1)
    expect(elsewhere.asked.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
    elsewhere.asked.splice(0)
    const again = await registry()
    await workplace(env).run(policy(from.url, again.url, 'name: demo', ', options: { pass_credentials: true }'))
    expect(elsewhere.asked.every(({ headers }) => headers.authorization?.startsWith('Basic '))).toBe(true)
  })

  test('of a repository that is none tell what is wrong', async () => {
    const from = await repository([])
    from.files.set('index.yaml', Buffer.from('<!DOCTYPE html>'))
    const to = await registry()
    const { outcome } = await workplace().run(policy(from.url, to.url))
    expect(String(outcome.error)).toMatch(/index\.yaml is not an index of charts: it is a web page/)
  })
})
