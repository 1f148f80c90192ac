/** Pulls through the gateway as a process, by other people's clients and between other people's registries. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { startHelmHttp } from '../../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../../support/charts.ts'
import { availableServers, startServer } from '../../support/servers.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { pathOfTool } from '../../support/tools.ts'
import { program, until } from '../program.ts'
import { between, call } from './between.ts'
import { endings, serving } from './serving.ts'

/** The address of a containerd of its own, which ends with the test. */
async function startContainerd(): Promise<string> {
  const directory = temporaryDirectory()
  const address = join(directory, 'containerd.sock')
  const file = join(directory, 'config.toml')
  writeFileSync(
    file,
    `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "${address}"
`,
  )
  const child = spawn(pathOfTool('containerd') ?? '', ['--config', file], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  endings.push(async () => {
    child.kill('SIGTERM')
    await ended
  })
  await until('containerd answers', () =>
    call('ctr', '--address', address, 'version').then(
      () => true,
      () => false,
    ),
  )
  return address
}

/** What each says the digest is that it has pulled through the gateway into `directory`. */
const CLIENTS: Readonly<Record<string, (reference: string, directory: string) => Promise<string>>> = {
  async skopeo(reference, directory) {
    const file = join(directory, 'digest')
    await call(
      'skopeo',
      'copy',
      '--src-tls-verify=false',
      `--digestfile=${file}`,
      `docker://${reference}`,
      `dir:${directory}/dir`,
    )
    return call('cat', file)
  },
  async crane(reference, directory) {
    await call('crane', 'pull', '--insecure', '--format=oci', reference, join(directory, 'oci'))
    return /sha256:[a-f0-9]{64}/.exec(await call('cat', join(directory, 'oci', 'index.json')))?.[0] ?? ''
  },
  async oras(reference, directory) {
    const said = await call('oras', 'copy', '--from-plain-http', reference, '--to-oci-layout', `${directory}:1.0`)
    return /Digest: (\S+)/.exec(said)?.[1] ?? ''
  },
  async regctl(reference, directory) {
    const host = reference.slice(0, reference.indexOf('/'))
    await call(
      'regctl',
      '--host',
      `reg=${host},tls=disabled`,
      'image',
      'copy',
      reference,
      `ocidir://${directory}/r:1.0`,
    )
    return call('regctl', 'image', 'digest', `ocidir://${directory}/r:1.0`)
  },
  async podman(reference, directory) {
    const own = ['--storage-driver=vfs', `--root=${directory}/root`, `--runroot=${directory}/run`]
    const id = await call('podman', ...own, 'pull', '--quiet', '--tls-verify=false', reference)
    return call('podman', ...own, 'image', 'inspect', '--format={{.Digest}}', id)
  },
}

const real = availableServers().includes('docker-registry') && availableServers().includes('zot')

describe.skipIf(!real || pathOfTool('crane') === undefined)('a pull through the gateway', () => {
  const able = Object.keys(CLIENTS).filter((tool) => pathOfTool(tool) !== undefined)
  // Podman needs a user who may unpack what others own.
  const clients = able.filter((tool) => tool !== 'podman' || process.getuid?.() === 0)

  test.each(clients)('by %s has the source’s digest, and leaves the image at the destination', async (client) => {
    const { destination, digest, daemon, host } = await between()
    const pull = CLIENTS[client]
    expect(await pull?.(`${host}/team/app:1.0`, temporaryDirectory())).toBe(digest)
    await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
    expect(await call('crane', 'digest', '--insecure', `${destination.host}/mirror/app:1.0`)).toBe(digest)
    await call('crane', 'validate', '--insecure', '--remote', `${destination.host}/mirror/app:1.0`)
    // Once more, from the destination.
    expect(await pull?.(`${host}/team/app:1.0`, temporaryDirectory())).toBe(digest)
  })

  test.skipIf(pathOfTool('skopeo') === undefined)('by a client that `mirrors export` has told of it', async () => {
    const { source, digest, here, daemon, host } = await between()
    const gateway = ['--gateway', `http://${host}`]
    const { stdout } = await here.run(['mirrors', 'export', '--format', 'podman', 'serve.yaml', ...gateway])
    here.write('registries.conf', stdout)
    const conf = `--registries-conf=${join(here.directory, 'registries.conf')}`
    const reference = `docker://${source.host}/team/app:1.0`
    expect(await call('skopeo', conf, 'inspect', '--tls-verify=false', '--format={{.Digest}}', reference)).toBe(digest)
    await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
  })

  // Containerd mounts what it unpacks.
  const mayMount = process.getuid?.() === 0 && pathOfTool('ctr') !== undefined && pathOfTool('containerd') !== undefined
  test.skipIf(!mayMount)('by containerd that `mirrors export` has told of it', async () => {
    const { source, destination, digest, here, daemon, host } = await between()
    const gateway = ['--gateway', `http://${host}`]
    const { stdout } = await here.run(['mirrors', 'export', '--format', 'containerd', 'serve.yaml', ...gateway])
    const [, place = '', hosts = ''] =
      /^# \/etc\/containerd\/certs\.d\/(\S+)\/hosts\.toml$([\s\S]*)/m.exec(stdout) ?? []
    expect(place).toBe(source.host)
    const certs = join(here.directory, 'certs.d')
    mkdirSync(join(certs, place), { recursive: true })
    writeFileSync(join(certs, place, 'hosts.toml'), hosts)
    const address = await startContainerd()
    const ctr = (...args: readonly string[]): Promise<string> => call('ctr', '--address', address, 'images', ...args)
    const reference = `${source.host}/team/app:1.0`
    for (const _ of ['first', 'later']) {
      await ctr('pull', '--hosts-dir', certs, '--snapshotter', 'native', '--platform', 'linux/amd64', reference)
      expect(await ctr('list', `name==${reference}`)).toContain(digest)
      await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
      await ctr('remove', '--sync', reference)
    }
    expect(await call('crane', 'digest', '--insecure', `${destination.host}/mirror/app:1.0`)).toBe(digest)
  })

  test.skipIf(pathOfTool('helm') === undefined)(
    'by helm has the chart of a classic repository, which is then at the destination',
    async () => {
      const from = await startHelmHttp()
      const destination = await startServer('zot')
      endings.push(
        () => from.close(),
        () => destination.stop(),
      )
      const one = chart('app', '1.0.0')
      from.files.set(one.file, one.archive)
      from.files.set('index.yaml', Buffer.from(indexOf([entryOf(one)])))
      const here = program()
      here.write(
        'serve.yaml',
        `
registries:
  charts: {type: helm-http, url: ${from.url}}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  pulls:
    source: {registry: charts}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true}]
serve: {listen: 127.0.0.1:0}
`,
      )
      const { daemon, host } = await serving(here)
      for (const _ of ['first', 'later']) {
        const directory = temporaryDirectory()
        const to = ['--version', '1.0.0', '--plain-http', '--destination', directory]
        await call('helm', 'pull', `oci://${host}/app`, ...to)
        expect(readFileSync(join(directory, one.file)).equals(one.archive)).toBe(true)
        await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
      }
      const directory = temporaryDirectory()
      await call(
        'helm',
        'pull',
        `oci://${destination.host}/mirror/app`,
        '--version=1.0.0',
        '--plain-http',
        `--destination=${directory}`,
      )
      expect(readFileSync(join(directory, one.file)).equals(one.archive)).toBe(true)
    },
  )

  test.skipIf(pathOfTool('oci-conformance') === undefined)(
    'passes the pull tests of the distribution specification',
    async () => {
      const { digest, daemon, host } = await between()
      const manifest = await call('crane', 'manifest', '--insecure', `${host}/team/app:1.0`)
      await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
      const blobs = [...new Set(manifest.match(/sha256:[a-f0-9]{64}/g))].join(' ')
      const off = ['PUSH', 'BLOBS_DELETE', 'MANIFESTS_DELETE', 'TAGS_DELETE'].map((api) => [`OCI_API_${api}`, 'false'])
      const env = {
        ...Object.fromEntries(off),
        OCI_REGISTRY: host,
        OCI_TLS: 'disabled',
        OCI_REPO1: 'team/app',
        OCI_RESULTS_DIR: temporaryDirectory(),
        OCI_RO_DATA_TAGS: '1.0',
        OCI_RO_DATA_MANIFESTS: digest,
        OCI_RO_DATA_BLOBS: blobs,
        OCI_RO_DATA_REFERRERS: digest,
      }
      // Its status is that of its report as YAML, which fails where parts are disabled.
      const said = await promisify(execFile)(pathOfTool('oci-conformance') ?? '', [], { env })
        .catch((error: { stdout: string; stderr: string }) => error)
        .then(({ stdout, stderr }) => `${stdout}${stderr}`)
      expect(said).toContain('OCI Conformance Test/read-only: Pass')
      expect(said).toMatch(/OCI Conformance Result: +Pass/)
    },
  )
})
