/** Artifact Hub: it names charts, and their publishers have them. */

import { expect, onTestFinished, test } from 'vitest'
import { workplace } from '../e2e/harness.ts'
import { startArtifactHub } from '../fakes/artifact-hub.ts'
import { type FakeOptions, startHelmHttp } from '../fakes/helm-http.ts'
import { chart, entryOf, indexOf, type TestChart } from '../support/charts.ts'
import { registry } from '../support/registries.ts'

const DEMO = chart('demo', '1.0.0')
const NEWER = chart('demo', '2.0.0')
const OTHER = chart('other', '0.1.0')

async function publisher(charts: readonly TestChart[], options: FakeOptions = {}) {
  const started = await startHelmHttp(options)
  onTestFinished(() => started.close())
  for (const { file, archive } of charts) started.files.set(file, archive)
  started.files.set('index.yaml', Buffer.from(indexOf(charts.map((one) => entryOf(one)))))
  return started
}

async function hub(urls: Readonly<Record<string, string>>) {
  const names: Readonly<Record<string, readonly string[]>> = { acme: ['demo', 'other'], corp: ['demo'], far: ['app'] }
  const packages = Object.entries(urls).flatMap(([name, url]) =>
    (names[name] ?? []).map((one) => ({ name: one, repository: { name, url } })),
  )
  const started = await startArtifactHub(packages)
  onTestFinished(() => started.close())
  return started
}

function policy(url: string, destination: string, filters: string, extra = ''): string {
  return `
registries:
  hub: { type: artifact-hub, url: "${url}"${extra} }
  to: { type: docker-registry, url: ${destination} }
policies:
  copy:
    source: { registry: hub }
    destination: { registry: to, namespace: charts, flatten: 0 }
    retry: { attempts: 1, delay: 1s }
    filters: { ${filters} }
`
}

test('a named package costs one request, and the index of its publisher; again, only where that has changed', async () => {
  const acme = await publisher([DEMO, NEWER, OTHER])
  const from = await hub({ acme: acme.url, corp: 'https://corp.invalid/charts' })
  const to = await registry()
  const here = workplace()
  const yaml = policy(from.url, to.url, 'name: acme/demo, semver: ">=1"')
  const first = await here.run(yaml)
  expect(first.outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
  expect([...to.repository('charts/acme/demo').tags.keys()].sort()).toEqual(['1.0.0', '2.0.0'])
  acme.asked.splice(0)
  from.asked.splice(0)
  expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
  expect(acme.asked.map(({ url, status }) => `${url} ${status}`)).toEqual(['/charts/index.yaml 304'])
  expect(new Set(from.asked.map(({ url }) => url))).toEqual(
    new Set(['/api/v1/packages/search', '/api/v1/packages/helm/acme/demo']),
  )
})

test('patterns cost one list of all packages', async () => {
  const [acme, corp] = [await publisher([DEMO, OTHER]), await publisher([NEWER])]
  const from = await hub({ acme: acme.url, corp: corp.url, far: 'oci://registry.example.com/far/charts' })
  const to = await registry()
  const ran = await workplace().run(policy(from.url, to.url, 'name: "{acme,corp}/d*"'))
  expect(ran.outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
  expect([...to.repositories.keys()].sort()).toEqual(['charts/acme/demo', 'charts/corp/demo'])
  expect(from.asked.filter(({ url }) => url === '/api/v1/helm-exporter')).toHaveLength(1)
})

test('the credential goes to Artifact Hub alone', async () => {
  const acme = await publisher([DEMO])
  const from = await hub({ acme: acme.url })
  const to = await registry()
  const credential = ', credential: { type: basic, username: ann, password: "$' + '{HUSH}" }'
  await workplace({ HUSH: 'hush' }).run(policy(from.url, to.url, 'name: acme/demo', credential))
  expect(from.asked.every(({ authorization }) => authorization?.startsWith('Basic '))).toBe(true)
  expect(acme.asked.length).toBeGreaterThan(1)
  expect(acme.asked.map(({ headers }) => headers.authorization).filter(Boolean)).toEqual([])
})

test('charts in an OCI registry are told with the source to use', async () => {
  const from = await hub({ far: 'oci://registry.example.com/far/charts' })
  const { outcome, tasks } = await workplace().run(policy(from.url, (await registry()).url, 'name: far/app'))
  expect(outcome.exitCode).not.toBe(0)
  expect(JSON.stringify([outcome, tasks])).toContain('use that as the source: registry.example.com/far/charts')
})

test('a package that is not there is missing, and a page for people is no answer', async () => {
  const from = await hub({})
  const to = await registry()
  const gone = await workplace().run(policy(from.url, to.url, 'name: acme/none'))
  expect(gone.outcome.exitCode).toBe(1)
  expect(JSON.stringify(gone.tasks)).toContain('acme/none')
  const elsewhere = await workplace().run(policy(`${from.url}/some/page`, to.url, 'name: acme/none'))
  expect(elsewhere.outcome.exitCode).toBe(3)
})

test('the old Helm Hub is told where its charts went', async () => {
  const { outcome } = await workplace().run(policy('https://hub.helm.sh', (await registry()).url, 'name: a/b'))
  expect(outcome.exitCode).not.toBe(0)
  expect(JSON.stringify(outcome)).toContain('Artifact Hub has its charts')
})
