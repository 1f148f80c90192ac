/** The provenance of charts that are there already: brought where it is missing, and not asked for again and again. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type FakeRepository, startHelmHttp } from '../fakes/helm-http.ts'
import { startChartMuseum } from '../support/chartmuseum.ts'
import { chart, digestOf, entryOf, indexOf, provenance, pushed, type TestChart } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { referrer } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { type Ran, workplace } from './harness.ts'

const ONE = chart('demo', '1.0.0')
const PLAIN = chart('plain', '1.0.0')
const SIGNED = provenance(ONE)

async function classic(charts: readonly TestChart[] = [ONE, PLAIN]): Promise<FakeRepository> {
  const from = await startHelmHttp()
  onTestFinished(() => from.close())
  for (const one of charts) from.files.set(one.file, one.archive)
  publish(from, charts)
  return from
}

function publish({ files }: FakeRepository, charts: readonly TestChart[], generated = 'first'): void {
  files.set('index.yaml', Buffer.from(`${indexOf(charts.map((one) => entryOf(one))).slice(0, -1)},"x":"${generated}"}`))
}

/** With the charts, each without its provenance. */
async function unsigned(): Promise<MemoryRegistry> {
  const to = await registry()
  for (const one of [ONE, PLAIN]) to.add(one.name, await pushed(one), one.version)
  return to
}

async function museum(charts: readonly TestChart[]): Promise<string> {
  const storage = temporaryDirectory()
  for (const { file, archive } of charts) writeFileSync(join(storage, file), archive)
  const { url, stop } = await startChartMuseum(storage)
  onTestFinished(stop)
  return url
}

function policy(from: string, to: string, more = ''): string {
  return `
registries:
  from: ${from}
  to: ${to}
policies:
  copy:
    source: { registry: from }
    destination: { registry: to }
    retry: { attempts: 1, delay: 1s }
${more}`
}

const helm = ({ url }: { readonly url: string }): string => `{ type: helm-http, url: "${url}" }`
const oci = ({ url }: { readonly url: string }): string => `{ type: docker-registry, url: "${url}" }`

const UNCHANGED = { status: 'succeeded', total: 0, unchanged: 2 }

function expectUpdate({ outcome, tasks }: Ran): void {
  expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: 1, unchanged: 1 })
  expect(tasks).toMatchObject([{ action: 'update', reason: 'new provenance' }])
}

function layersOf(at: MemoryRegistry, name: string): string {
  const repository = at.repositories.get(name)
  const digest = repository?.tags.get('1.0.0')
  return String(digest && repository?.manifests.get(digest)?.bytes)
}

const asked = ({ asked: all }: FakeRepository): readonly string[] =>
  all.splice(0).map(({ url, status }) => `${url} ${status}`)

describe('provenance that a registry lacks', () => {
  test('is brought from a classic repository, which is then asked for its index only', async () => {
    const [from, to] = [await classic(), await unsigned()]
    from.files.set(`${ONE.file}.prov`, SIGNED)
    const here = workplace()
    const yaml = policy(helm(from), oci(to))
    expectUpdate(await here.run(yaml))
    expect(layersOf(to, 'demo')).toContain(digestOf(SIGNED))
    from.asked.splice(0)
    expect((await here.run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    expect(asked(from)).toEqual(['/charts/index.yaml 304'])
    // Without the first one's memory each archive is looked at once more.
    expect((await workplace().run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    expect(asked(from).toSorted()).toEqual([
      '/charts/demo-1.0.0.tgz.prov 200',
      '/charts/index.yaml 200',
      '/charts/plain-1.0.0.tgz.prov 404',
    ])
  })

  test('is brought from another registry, whose manifests are read once', async () => {
    const [from, to] = [await registry(), await unsigned()]
    from.add('demo', await pushed(ONE, SIGNED), '1.0.0')
    from.add('plain', await pushed(PLAIN), '1.0.0')
    const here = workplace()
    const yaml = policy(oci(from), oci(to))
    expectUpdate(await here.run(yaml))
    expect(layersOf(to, 'demo')).toBe(layersOf(from, 'demo'))
    expect((await here.run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    // The other way round the destination has more than the source, which is no reason to take it away.
    const back = await unsigned()
    const away = policy(oci(back), oci(from))
    expect((await here.run(away)).outcome.execution).toMatchObject(UNCHANGED)
    const before = [from.requests.length, back.requests.length]
    expect((await here.run(away)).outcome.execution).toMatchObject(UNCHANGED)
    const gets = [...from.requests.slice(before[0]), ...back.requests.slice(before[1])].filter(
      ({ method, path }) => method === 'GET' && path.includes('/manifests/'),
    )
    expect(gets).toEqual([])
  })

  test('is a reason to verify again, and no reason to overwrite where nothing may be overwritten', async () => {
    const [from, to] = [await classic(), await unsigned()]
    from.files.set(`${ONE.file}.prov`, SIGNED)
    const kept = policy(helm(from), oci(to), '    override: false\n')
    const { tasks } = await workplace().run(kept)
    expect(tasks).toMatchObject([{ status: 'skipped', reason: 'new provenance, kept as it is (override: false)' }])
    expect(layersOf(to, 'demo')).not.toContain(digestOf(SIGNED))
    const here = workplace()
    expect(await here.verify(policy(helm(from), oci(to)))).toMatchObject({
      compared: 2,
      differences: [{ kind: 'differs', message: 'lacks the provenance' }],
    })
    from.asked.splice(0)
    const left = policy(helm(from), oci(to), '    referrers: false\n')
    expect((await here.run(left)).outcome.execution).toMatchObject(UNCHANGED)
    expect(asked(from).filter((line) => line.includes('.prov'))).toEqual([])
  })

  test('is not the only reason: a signature of another manifest of the same chart comes with that where referrers are looked for', async () => {
    const [from, to] = [await registry(), await unsigned()]
    const artifact = await pushed(ONE)
    // Another manifest of the same archive.
    const { annotations: _, ...plain } = JSON.parse(Buffer.from(artifact.bytes).toString())
    const bytes = Buffer.from(JSON.stringify(plain))
    const other = { ...artifact, bytes, digest: digestOf(bytes) }
    const descriptor = { ...artifact.descriptor, digest: other.digest, size: bytes.byteLength }
    from.add('demo', { ...other, descriptor }, '1.0.0')
    from.add('plain', await pushed(PLAIN), '1.0.0')
    const signature = referrer(descriptor)
    from.add('demo', signature)
    const here = workplace()
    expect((await here.run(policy(oci(from), oci(to)))).outcome.execution).toMatchObject(UNCHANGED)
    const all = policy(oci(from), oci(to), '    referrers: all\n')
    const { tasks } = await here.run(all)
    expect(tasks).toMatchObject([{ action: 'update', reason: 'new referrers' }])
    expect(to.repositories.get('demo')?.manifests.has(signature.digest)).toBe(true)
    expect((await here.run(all)).outcome.execution).toMatchObject(UNCHANGED)
  })

  test('is noticed when it comes later, with a new index or where referrers are looked for', async () => {
    const [from, to] = [await classic(), await unsigned()]
    const here = workplace()
    const yaml = policy(helm(from), oci(to))
    expect((await here.run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    from.files.set(`${ONE.file}.prov`, SIGNED)
    from.asked.splice(0)
    expect((await here.run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    expect(asked(from)).toEqual(['/charts/index.yaml 304'])
    publish(from, [ONE, PLAIN], 'second')
    expectUpdate(await here.run(yaml))
    from.files.set(`${PLAIN.file}.prov`, provenance(PLAIN))
    expectUpdate(await here.run(policy(helm(from), oci(to), '    referrers: all\n')))
  })
})

describe.skipIf(missingHelm().length > 0)('provenance that a ChartMuseum lacks', () => {
  test('is brought from a registry', async () => {
    const from = await registry()
    from.add('demo', await pushed(ONE, SIGNED), '1.0.0')
    from.add('plain', await pushed(PLAIN), '1.0.0')
    const url = await museum([ONE, PLAIN])
    const here = workplace()
    const yaml = policy(oci(from), `{ type: chartmuseum, url: ${url} }`)
    expectUpdate(await here.run(yaml))
    expect(await (await fetch(`${url}/charts/${ONE.file}.prov`)).text()).toBe(SIGNED.toString())
    expect((await here.run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    expect((await workplace().run(yaml)).outcome.execution).toMatchObject(UNCHANGED)
    expect(await here.verify(yaml)).toMatchObject({ differences: [] })
  })

  test('is brought from a classic repository, whose unsigned charts are looked at once, and some of them with a new index', async () => {
    const many = [ONE, ...Array.from({ length: 600 }, (_, at) => chart('many', `1.0.${at}`))]
    const from = await classic(many)
    from.files.set(`${ONE.file}.prov`, SIGNED)
    const url = await museum(many)
    const here = workplace()
    const yaml = policy(helm(from), `{ type: chartmuseum, url: ${url} }`)
    const { outcome, tasks } = await here.run(yaml)
    expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: 1, unchanged: 600 })
    expect(await (await fetch(`${url}/charts/${ONE.file}.prov`)).text()).toBe(SIGNED.toString())
    expect(new Set(asked(from)).size).toBe(1 + 601 + 1)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 601 })
    expect(asked(from)).toEqual(['/charts/index.yaml 304'])
    const looked = new Set<string>()
    for (const generated of ['second', 'third']) {
      publish(from, many, generated)
      expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 601 })
      const files = asked(from).filter((line) => line.endsWith('.prov 404'))
      expect(files).toHaveLength(500)
      for (const file of files) looked.add(file)
    }
    expect(looked.size).toBe(600)
  })
})
