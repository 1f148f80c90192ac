/** What clients are told to pull from the gateway, or from where policies have put things. */

import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { program } from '../e2e/program.ts'

const YAML = `
registries:
  mine: {type: harbor, url: https://harbor.example.com}
  archive: {type: oci-layout, path: ./archive}
policies:
  pulls:
    source: {registry: docker.io, namespaces: [library]}
    destination: {registry: mine, namespace: cache}
    triggers: [{pull: true}]
  quay:
    source: {registry: quay.io, namespaces: [prometheus]}
    destination: {registry: mine, namespace: mirror}
  whole:
    source: {registry: ghcr.io}
    destination: {registry: mine, namespace: gh, flatten: 0}
  one:
    source: registry.k8s.io/pause:3.9
    destination: mine/k8s
  kept:
    source: {registry: gcr.io, namespaces: [distroless]}
    destination: archive
`

const GATEWAY = ['--gateway', 'http://pulls.example.com:7080/'] as const

async function exported(format: string, ...more: readonly string[]) {
  const here = program()
  here.write('policies.yaml', YAML)
  return here.run(['mirrors', 'export', '--format', format, 'policies.yaml', ...more])
}

test('containerd gets a file for each source, with names as the mirror has them', async () => {
  const { code, stdout, stderr } = await exported('containerd', ...GATEWAY)
  expect(code).toBe(0)
  expect(stdout.split('\n\n').slice(1).join('\n')).toBe(`# /etc/containerd/certs.d/docker.io/hosts.toml
server = "https://registry-1.docker.io"
[host."http://pulls.example.com:7080"]
  capabilities = ["pull", "resolve"]
# /etc/containerd/certs.d/ghcr.io/hosts.toml
server = "https://ghcr.io"
[host."https://harbor.example.com/v2/gh"]
  capabilities = ["pull", "resolve"]
  override_path = true
# /etc/containerd/certs.d/registry.k8s.io/hosts.toml
server = "https://registry.k8s.io"
[host."https://harbor.example.com/v2/k8s"]
  capabilities = ["pull", "resolve"]
  override_path = true
`)
  expect(stderr).toContain('what quay.io/prometheus is at harbor.example.com/mirror it cannot be told')
  expect(stderr).toContain('policy kept: clients cannot pull from archive')
})

test.each(['podman', 'crio'])('%s gets a registry with a mirror for each prefix', async (format) => {
  const { stdout } = await exported(format, ...GATEWAY)
  const entry = (source: string, mirror: string, ...rest: readonly string[]): string =>
    [
      `[[registry]]\nprefix = "${source}"\nlocation = "${source}"\n\n[[registry.mirror]]\nlocation = "${mirror}"`,
      ...rest,
    ].join('\n')
  expect(stdout.slice(stdout.indexOf('[['))).toBe(
    `${[
      entry('docker.io', 'pulls.example.com:7080/docker.io', 'insecure = true'),
      entry('quay.io/prometheus', 'harbor.example.com/mirror'),
      entry('ghcr.io', 'harbor.example.com/gh'),
      entry('registry.k8s.io/pause', 'harbor.example.com/k8s/pause'),
    ].join('\n\n')}\n`,
  )
})

test('Docker gets the mirrors of Docker Hub, and says what it has no place for', async () => {
  const { stdout, stderr } = await exported('docker', ...GATEWAY)
  expect(JSON.parse(stdout)).toEqual({
    'registry-mirrors': ['http://pulls.example.com:7080'],
    'insecure-registries': ['pulls.example.com:7080'],
  })
  expect(stderr).toContain('Docker has mirrors of Docker Hub only: nothing is written for quay.io')
})

test('OpenShift gets a set for digests and one for tags', async () => {
  const { stdout, stderr } = await exported('openshift', ...GATEWAY)
  const documents = parseAllDocuments(stdout).map((document): unknown => document.toJS())
  expect(documents).toMatchObject([
    { apiVersion: 'config.openshift.io/v1', kind: 'ImageDigestMirrorSet' },
    { apiVersion: 'config.openshift.io/v1', kind: 'ImageTagMirrorSet' },
  ])
  expect(documents).toMatchObject([
    { spec: { imageDigestMirrors: expect.arrayContaining([expect.objectContaining({ source: 'docker.io' })]) } },
    {
      spec: {
        imageTagMirrors: expect.arrayContaining([
          {
            source: 'quay.io/prometheus',
            mirrorSourcePolicy: 'AllowContactingSource',
            mirrors: ['harbor.example.com/mirror'],
          },
        ]),
      },
    },
  ])
  expect(stderr).toContain('pulls.example.com:7080 is without TLS')
})

test('a source with a port is named in the mirror’s path, where a port follows an underscore', async () => {
  const here = program()
  here.write(
    'p.yaml',
    `
registries:
  hub: {type: docker-registry, url: "https://hub.example.com:5443"}
  mine: {type: docker-registry, url: "https://mine.example.com"}
policies:
  a: {source: {registry: hub, namespaces: [team]}, destination: {registry: mine, namespace: x}, triggers: [{pull: true}]}
  b: {source: {registry: docker.io, namespaces: [team]}, destination: {registry: mine, namespace: y}, triggers: [{pull: true}]}
`,
  )
  const exported = (format: string) => here.run(['mirrors', 'export', '--format', format, 'p.yaml', ...GATEWAY])
  for (const format of ['podman', 'crio']) {
    const { stdout } = await exported(format)
    expect(stdout).toContain('prefix = "hub.example.com:5443"')
    expect(stdout).toContain('location = "pulls.example.com:7080/hub.example.com_5443"')
  }
  expect((await exported('openshift')).stdout).toContain('- "pulls.example.com:7080/hub.example.com_5443"')
  const { stdout, stderr } = await exported('docker')
  expect(stdout).toContain('http://pulls.example.com:7080')
  expect(stderr).toContain('what the policies of hub.example.com:5443 select, too, comes from there')
})

test('the gateway’s own address is told to be for this machine alone', async () => {
  const { stdout, stderr } = await exported('containerd')
  expect(stdout).toContain('[host."http://127.0.0.1:7080"]')
  expect(stderr).toContain('the gateway listens on 127.0.0.1 alone: --gateway URL names it')
})

test('without a mirror for clients nothing is written', async () => {
  const here = program()
  here.write('p.yaml', 'policies: {a: {source: {registry: quay.io}, destination: {registry: ghcr.io, namespace: x}}}\n')
  const { code, stdout, stderr } = await here.run(['mirrors', 'export', '--format', 'podman', 'p.yaml'])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain('names lose a varying part')
  const wrong = await here.run(['mirrors', 'export', '--format', 'podman', '--gateway', 'pulls.example.com', 'p.yaml'])
  expect(wrong.stderr).toContain('It must be a URL without a path')
})
