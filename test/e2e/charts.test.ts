/** Charts between classic repositories and registries, with Helm and ChartMuseum as they really are. */

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startHelmHttp } from '../fakes/helm-http.ts'
import { chart, digestOf, entryOf, indexOf } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { chartMuseum, helm } from '../support/helm.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { workplace } from './harness.ts'

const available = missingHelm().length === 0 && availableServers().includes('docker-registry')

async function realRegistry(): Promise<{ readonly url: string; readonly host: string }> {
  const server = await startServer('docker-registry')
  onTestFinished(() => server.stop())
  return server
}

const TIME = new Date('2024-05-05T10:11:12Z')

/** Charts whose metadata is read by Go's rules. */
const CHARTS = [
  chart('plain', '1.2.3-rc.1+b.5'),
  chart('nasty', '0.1.0', {
    'Chart.yaml': `apiVersion: v2
name: nasty
version: 0.1.0
appVersion: 1.10
description: "a <b> & c\\u2028\\tx\\u0007 ü 🎉"
home: https://e.com/?a=1&b=2
icon: 1_000
kubeVersion: 0x1F
sources: [https://a/<x>, "b  c"]
keywords: [yes, 1e3, 010, 0.00001, 1234567.5, 123456.789, .inf, 2024-01-02, ~, 1e21, 0o17, +5, 1., "yes", n, -.5]
maintainers: [{name: A & B, email: a@b.c}, {email: only@mail}, {name: x, url: http://x}]
annotations:
  b: 1.50
  a: true
  org.opencontainers.image.description: overridden <&>
  org.opencontainers.image.version: no
  Z: y
  multi: |
    - kind: added
      description: "x: <y>"
dependencies:
- name: sub
  version: 1.x
  repository: ""
  tags: [a, 1]
  import-values: [data, {child: {z: 1, a: 1.5}, parent: .}]
  alias: s2
deprecated: yes
type: application
`,
    'charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
  }),
  chart('old', '1.0.0', {
    'Chart.yaml': 'name: old\nversion: 1.0.0\nengine: gotpl\nmaintainers: []\n',
    'requirements.yaml': 'dependencies:\n- name: redis\n  version: 0.1.0\n  repository: https://r/\n',
    'charts/redis/Chart.yaml': 'name: redis\nversion: 0.1.0\n',
  }),
]

describe.skipIf(!available)('charts', () => {
  test('are pushed as helm pushes them: the same manifests for the same charts and times', async () => {
    const classic = await startHelmHttp()
    onTestFinished(() => classic.close())
    for (const one of CHARTS) classic.files.set(one.file, one.archive)
    classic.files.set(
      'index.yaml',
      Buffer.from(indexOf(CHARTS.map((one) => entryOf(one, { created: TIME.toISOString() })))),
    )
    const { url, host } = await realRegistry()
    const by = helm()
    const pushed: Record<string, string> = {}
    for (const one of CHARTS) {
      await by.run('push', by.write(one, TIME), `oci://${host}/helm`, '--plain-http')
      const tag = one.version.replaceAll('+', '_')
      const answer = await fetch(`${url}/v2/helm/${one.name}/manifests/${tag}`, {
        headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      })
      pushed[one.name] = digestOf(Buffer.from(await answer.arrayBuffer()))
    }
    const here = workplace()
    const { outcome, tasks } = await here.run(policy(`{ type: helm-http, url: ${classic.url} }`, oci(url)))
    expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: 3 })
    for (const one of CHARTS) {
      const tag = one.version.replaceAll('+', '_')
      const answer = await fetch(`${url}/v2/ours/${one.name}/manifests/${tag}`, {
        headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      })
      expect(digestOf(Buffer.from(await answer.arrayBuffer())), one.name).toBe(pushed[one.name])
    }
    // What helm has pushed is the same, too.
    const again = policy(`{ type: helm-http, url: ${classic.url} }`, oci(url)).replace('ours', 'helm')
    expect((await here.run(again)).outcome.execution).toMatchObject({ total: 0, unchanged: 3 })
  })

  test('that are signed go round by registry, layout and ChartMuseum, stay the same, and are verified everywhere', async () => {
    const by = helm()
    const { archive, keyring } = await by.sign('signed', '2.0.0+x')
    const bytes = readFileSync(archive)
    const classic = await startHelmHttp()
    onTestFinished(() => classic.close())
    classic.files.set('signed-2.0.0+x.tgz', bytes)
    classic.files.set('signed-2.0.0+x.tgz.prov', readFileSync(`${archive}.prov`))
    const entry = { name: 'signed', version: '2.0.0+x', urls: ['signed-2.0.0+x.tgz'], digest: digestOf(bytes).slice(7) }
    classic.files.set('index.yaml', Buffer.from(indexOf([entry])))
    const first = await realRegistry()
    const last = await realRegistry()
    const museum = await chartMuseum()
    const here = workplace()
    const layout = `{ type: oci-layout, path: ${join(here.directory, 'layout')} }`
    const steps = [
      policy(`{ type: helm-http, url: ${classic.url} }`, oci(first.url)),
      policy(oci(first.url), layout, 'ours', 1),
      policy(layout, `{ type: chartmuseum, url: ${museum.url} }`, '', 1),
      policy(`{ type: chartmuseum, url: ${museum.url} }`, oci(last.url)),
    ]
    for (const step of steps) {
      const { outcome, tasks } = await here.run(step)
      expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: 1 })
    }
    for (const step of steps) expect((await here.run(step)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
    // A second machine knows nothing of the first one's runs.
    for (const step of steps.toReversed()) {
      if (step.includes('oci-layout')) continue
      expect((await workplace().run(step)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
    }
    const check = ['--verify', '--keyring', keyring]
    for (const { host } of [first, last]) {
      const out = join(by.directory, host.replace(':', '-'))
      mkdirSync(out)
      await by.run('pull', `oci://${host}/ours/signed`, '--version', '2.0.0+x', '--plain-http', '-d', out, ...check)
      expect(digestOf(readFileSync(join(out, 'signed-2.0.0+x.tgz')))).toBe(digestOf(bytes))
    }
    const rendered = await by.run(
      'template',
      'name',
      `oci://${first.host}/ours/signed`,
      '--version',
      '2.0.0+x',
      '--plain-http',
    )
    expect(rendered).toContain('kind: Deployment')
    await by.run('repo', 'add', 'museum', museum.url)
    expect(await by.run('search', 'repo', 'museum/signed', '--devel', '--versions')).toContain('2.0.0+x')
    const out = join(by.directory, 'museum')
    mkdirSync(out)
    await by.run('pull', 'museum/signed', '--version', '2.0.0+x', '-d', out, ...check)
    expect(digestOf(readFileSync(join(out, 'signed-2.0.0+x.tgz')))).toBe(digestOf(bytes))
  })
})

const oci = (url: string): string => `{ type: docker-registry, url: ${url} }`

function policy(from: string, to: string, namespace = 'ours', flatten = 0): string {
  return `
registries:
  from: ${from}
  to: ${to}
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: "${namespace}", flatten: ${flatten} }
    filters: { name: "**/{signed,plain,nasty,old}" }
    retry: { attempts: 1, delay: 1s }
`
}
