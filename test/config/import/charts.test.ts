/** Files of tools that bring charts from one repository to another. */

import { describe, expect, test } from 'vitest'
import { copied, imported, loaded, refused, said } from './setup.ts'

const VARIABLE = (name: string): string => ['$', `{${name}}`].join('')

const FLUX = `
apiVersion: mirror.plugin.fluxcd.io/v1beta1
kind: Config
artifacts:
  - source: docker.io/org/app
    destination: quay.io/my-org/app
    selector: { semver: "6.x", limit: 2 }
    includeReferrers: true
    verify: { provider: cosign, matchOIDCIdentity: [{ issuer: a, subject: b }] }
  - source: ghcr.io/org/tool
    destination: quay.io/my-org/other
    selector: { semver: ">=1" }
  - source: ghcr.io/org/tool
    destination: quay.io/tools/tool
    selector: { regex: { pattern: "^v[0-9]+$" }, sortBy: numerical, limit: 0 }
    overwrite: true
charts:
  - name: podinfo
    source: https://charts.example.com/podinfo/
    destination: oci://quay.io/my-org/charts
    version: ">=6.0.0, <7"
    limit: 3
  - { name: all, source: "https://charts.example.com/podinfo", destination: "oci://quay.io/my-org/charts" }
  - { name: bad, source: "ftp://charts.example.com", destination: "oci://quay.io/my-org/charts" }
hosts:
  - host: quay.io
    username: my-org+robot
    credential: { value: "${VARIABLE('QUAY_TOKEN')}" }
    tls: { serverAuth: { fromPath: ./ca.crt } }
    maxChunkSize: 10
  - { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com, provider: ecr }
  - { host: reg.example.com, credential: { provider: github } }
  - { host: plain.example.com, credential: { value: hunter2 } }
`

describe('a file of flux-mirror with every key', () => {
  const result = imported(FLUX, { from: 'flux-mirror' })
  const configuration = loaded(result, { QUAY_TOKEN: 'x', PLAIN_EXAMPLE_COM_TOKEN: 'y' })

  test('becomes policies that copy the same to the same places', () => {
    expect(copied(configuration, 'docker.io', ['org/app:6.1.0', 'org/app:7.0.0'])).toEqual([
      'org/app:6.1.0 → quay.io/my-org/app:6.1.0',
    ])
    expect(copied(configuration, 'ghcr.io', ['org/tool:v1', 'org/tool:latest'])).toEqual([
      'org/tool:v1 → quay.io/tools/tool:v1',
    ])
    expect(
      copied(configuration, 'charts.example.com-podinfo', ['podinfo:6.4.0', 'podinfo:7.0.0', 'all:0.1.0']),
    ).toEqual(['podinfo:6.4.0 → quay.io/my-org/charts/podinfo:6.4.0', 'all:0.1.0 → quay.io/my-org/charts/all:0.1.0'])
    expect(
      configuration.policies.map(({ filters: { newest }, override, referrers }) => ({ newest, override, referrers })),
    ).toEqual([
      { newest: 2, override: false, referrers: expect.anything() },
      { newest: undefined, override: true, referrers: false },
      { newest: 3, override: false, referrers: expect.anything() },
      { newest: 1, override: false, referrers: expect.anything() },
    ])
  })

  test('defines the chart repository once, and hosts with what is theirs', () => {
    const { registries } = configuration
    expect(registries.get('charts.example.com-podinfo')).toMatchObject({
      type: 'helm-http',
      url: 'https://charts.example.com/podinfo',
    })
    expect(registries.get('quay.io')).toMatchObject({
      ca: '/project/ca.crt',
      credential: { type: 'basic', username: 'my-org+robot', password: 'x' },
    })
    expect(registries.get('123456789012.dkr.ecr.us-east-1.amazonaws.com')).toMatchObject({
      type: 'aws-ecr',
      credential: { type: 'aws' },
    })
    expect(registries.get('plain.example.com')).toMatchObject({ credential: { type: 'token', token: 'y' } })
    expect(JSON.stringify(result)).not.toContain('hunter2')
  })

  test('tells of everything that has no counterpart', () => {
    const text = said(result).join('\n')
    for (const part of [
      /9:\d+ `verify` has no counterpart/,
      /org\/tool would become my-org\/other/,
      /credentials in Helm's repositories\.yaml are not read/,
      /`ftp:\/\/charts\.example\.com` is not the URL of a chart repository/,
      /`maxChunkSize` has no counterpart/,
      /tokens of this kind cannot be minted here .*REG_EXAMPLE_COM_TOKEN/,
      /the token stays behind/,
    ]) {
      expect(text).toMatch(part)
    }
  })
})

test('a file of another kind of Flux is refused', () => {
  expect(refused('apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n', { from: 'flux-mirror' })).toEqual([
    expect.stringContaining('apiVersion'),
    expect.stringContaining('kind'),
  ])
})

const SYNCER = `
source:
  repo: { kind: HELM, url: "https://charts.example.com/bitnami", auth: { username: ann, password: hunter2 } }
target:
  repoName: mine
  containerRegistry: reg.example.com
  repo: { kind: OCI, url: "https://reg.example.com/my-project/charts" }
charts: [redis, mariadb]
relocateContainerImages: true
`

describe('a file of charts-syncer', () => {
  test('becomes a policy for its charts, from a classic repository', () => {
    const result = imported(SYNCER, { from: 'charts-syncer' })
    const configuration = loaded(result, { CHARTS_EXAMPLE_COM_BITNAMI_PASSWORD: 'x' })
    expect(configuration.registries.get('charts.example.com-bitnami')).toMatchObject({
      type: 'helm-http',
      credential: { username: 'ann', password: 'x' },
    })
    expect(
      copied(configuration, 'charts.example.com-bitnami', ['redis:1.0.0', 'mariadb:2.0.0', 'other:1.0.0']),
    ).toEqual([
      'redis:1.0.0 → reg.example.com/my-project/charts/redis:1.0.0',
      'mariadb:2.0.0 → reg.example.com/my-project/charts/mariadb:2.0.0',
    ])
    expect(JSON.stringify(result)).not.toContain('hunter2')
    const text = said(result).join('\n')
    for (const key of ['repoName', 'containerRegistry']) expect(text).toContain(`\`${key}\``)
    expect(configuration.policies).toMatchObject([{ with_images: true }])
  })

  test.each([
    ['relocateContainerImages: true', { with_images: true }],
    ['containerPlatforms: [linux/amd64]', { with_images: true, filters: { platforms: ['linux/amd64'] } }],
    ['skipArtifacts: false', { with_images: true }],
    ['relocateContainerImages: false', {}],
    ['charts: [redis]', {}],
  ])('with %s brings images where that did', (line, wanted) => {
    const to = (kind: string, url: string) =>
      `source: { repo: { kind: HELM, url: "https://charts.example.com" } }\ntarget: { repo: { kind: ${kind}, url: "${url}" } }\n${line}\n`
    const [policy] = loaded(imported(to('OCI', 'https://reg.example.com/charts'), { from: 'charts-syncer' })).policies
    expect(policy).toMatchObject(wanted)
    if (!('with_images' in wanted)) expect(policy).not.toHaveProperty('with_images')
    const museum = imported(to('CHARTMUSEUM', 'https://museum.example.com'), { from: 'charts-syncer' })
    expect(loaded(museum).policies[0]).not.toHaveProperty('with_images')
  })

  test.each([
    ['a', '', 'redis'],
    ['a/b', 'm', 'm/redis'],
    ['a/b/c/d', 'm', 'm/redis'],
    ['a', 'm', 'm/redis'],
    ['', 'm', 'm/redis'],
  ])('takes charts below %j of an OCI registry to below %j', (from, to, lands) => {
    const result = imported(
      `source: { repo: { kind: OCI, url: "http://old.example.com/${from}" } }
target: { repo: { kind: OCI, url: "oci://new.example.com/${to}" } }
skipCharts: [etcd]
skipArtifacts: true
`,
      { from: 'charts-syncer' },
    )
    const configuration = loaded(result)
    expect(configuration.registries.get('old.example.com')).toMatchObject({ url: 'http://old.example.com' })
    const charts = ['redis', 'etcd'].map((chart) => `${from === '' ? '' : `${from}/`}${chart}:1.0.0`)
    expect(copied(configuration, 'old.example.com', charts)).toEqual([`${charts[0]} → new.example.com/${lands}:1.0.0`])
    expect(configuration.policies).toMatchObject([{ referrers: false, filters: { resource: 'chart' } }])
  })

  test('that goes through a folder is told what to use instead', () => {
    const result = imported(
      'source: { repo: { kind: LOCAL, path: ./charts } }\ntarget: { repo: { kind: HARBOR, url: "https://h.example.com/chartrepo/p" } }\n',
      { from: 'charts-syncer' },
    )
    expect(said(result).join()).toContain('use a layout instead')
    expect(loaded(result).policies).toEqual([])
  })
})

test('a Harbor of before takes charts into its project', () => {
  const harbor = 'https://harbor.example.com/chartrepo/team'
  const result = imported(
    `source: { repo: { kind: HELM, url: "https://charts.example.com" } }\ntarget: { repo: { kind: HARBOR, url: "${harbor}" } }\n`,
    { from: 'charts-syncer' },
  )
  const configuration = loaded(result)
  expect(configuration.registries.get('harbor.example.com')).toMatchObject({
    type: 'chartmuseum',
    url: 'https://harbor.example.com',
    options: { api: 'chartrepo' },
  })
  expect(copied(configuration, 'charts.example.com', ['redis:1.0.0'])).toEqual([
    'redis:1.0.0 → harbor.example.com/team/redis:1.0.0',
  ])
})

describe('the configuration of ChartMuseum', () => {
  test('becomes the registry that all charts leave', () => {
    const result = imported(
      `port: 9000\ncontextpath: /museum\ndepth: 1\nbasicauth: { user: ann, pass: hunter2 }\nstorage: { backend: local }\n`,
      { from: 'chartmuseum', to: 'reg.example.com/charts' },
    )
    const configuration = loaded(result, { LOCALHOST_9000_MUSEUM_PASSWORD: 'x' })
    expect(configuration.registries.get('localhost-9000-museum')).toMatchObject({
      type: 'chartmuseum',
      url: 'http://localhost:9000/museum',
      credential: { username: 'ann' },
    })
    expect(copied(configuration, 'localhost-9000-museum', ['redis:1.0.0'])).toEqual([
      'redis:1.0.0 → reg.example.com/charts/redis:1.0.0',
    ])
    expect(said(result).join()).toContain('the server knows its port, not its name')
    expect(said(result).join()).toContain('the tenants of the server cannot be listed')
    expect(JSON.stringify(result)).not.toContain('hunter2')
  })

  test('needs to be told where they go', () => {
    expect(refused('port: 9000\n', { from: 'chartmuseum' })).toEqual([
      expect.stringContaining('does not say where its charts are to go'),
    ])
    expect(refused('port: 9000\n', { from: 'chartmuseum', to: 'https://reg.example.com/charts' })).toEqual([
      expect.stringContaining('--to: `https://` has no place in a reference'),
    ])
  })
})
