/** The pull gateway as a process, with other people's clients and registries, and killed in the middle of a pull. */

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { computeDigest } from '../../src/core/manifest.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { randomBytes } from '../support/random.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { pathOfTool } from '../support/tools.ts'
import { type Program, program, type Running, until } from './program.ts'

const MIB = 1024 * 1024

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0).reverse()) await ending()
})

function configuration(source: string, destination: string): string {
  return `
registries:
  hub: {type: docker-registry, url: ${source}}
  mine: {type: docker-registry, url: ${destination}}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true}]
serve: {listen: 127.0.0.1:0}
`
}

async function serving(here: Program): Promise<{ readonly daemon: Running; readonly host: string }> {
  const daemon = here.start(['serve', 'serve.yaml'])
  const host = (): string | undefined => /listening on http:\/\/(\S+)/.exec(daemon.said())?.[1]
  await until('the daemon listens', () => host() !== undefined)
  return { daemon, host: host() ?? '' }
}

async function call(tool: string, ...args: readonly string[]): Promise<string> {
  const path = pathOfTool(tool)
  if (path === undefined) throw new Error(`${tool} is not installed`)
  const { stdout } = await promisify(execFile)(path, args, { timeout: 120_000 })
  return stdout.trim()
}

/** An image whose layers are real tars, in a registry. */
async function pushed(host: string): Promise<string> {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'root'))
  writeFileSync(join(directory, 'root', 'data'), randomBytes(3 * MIB, 'data'))
  const layer = join(directory, 'layer.tar.gz')
  await call('tar', 'czf', layer, '-C', join(directory, 'root'), 'data')
  await call('crane', 'append', '--insecure', '-f', layer, '-t', `${host}/team/app:1.0`)
  await call(
    'crane',
    'mutate',
    '--insecure',
    '--set-platform',
    'linux/amd64',
    '-t',
    `${host}/team/app:1.0`,
    `${host}/team/app:1.0`,
  )
  return call('crane', 'digest', '--insecure', `${host}/team/app:1.0`)
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
    const [source, destination] = [await startServer('docker-registry'), await startServer('zot', { docker: true })]
    endings.push(
      () => source.stop(),
      () => destination.stop(),
    )
    const digest = await pushed(source.host)
    const here = program()
    here.write('serve.yaml', configuration(source.url, destination.url))
    const { daemon, host } = await serving(here)
    const pull = CLIENTS[client]
    expect(await pull?.(`${host}/team/app:1.0`, temporaryDirectory())).toBe(digest)
    await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
    expect(await call('crane', 'digest', '--insecure', `${destination.host}/mirror/app:1.0`)).toBe(digest)
    await call('crane', 'validate', '--insecure', '--remote', `${destination.host}/mirror/app:1.0`)
    // Once more, from the destination.
    expect(await pull?.(`${host}/team/app:1.0`, temporaryDirectory())).toBe(digest)
  })

  test.skipIf(pathOfTool('skopeo') === undefined)('by a client that `mirrors export` has told of it', async () => {
    const [source, destination] = [await startServer('docker-registry'), await startServer('zot', { docker: true })]
    endings.push(
      () => source.stop(),
      () => destination.stop(),
    )
    const digest = await pushed(source.host)
    const here = program()
    here.write('serve.yaml', configuration(source.url, destination.url))
    const { daemon, host } = await serving(here)
    const gateway = ['--gateway', `http://${host}`]
    const { stdout } = await here.run(['mirrors', 'export', '--format', 'podman', 'serve.yaml', ...gateway])
    here.write('registries.conf', stdout)
    const conf = `--registries-conf=${join(here.directory, 'registries.conf')}`
    const reference = `docker://${source.host}/team/app:1.0`
    expect(await call('skopeo', conf, 'inspect', '--tls-verify=false', '--format={{.Digest}}', reference)).toBe(digest)
    await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
  })

  test.skipIf(pathOfTool('oci-conformance') === undefined)(
    'passes the pull tests of the distribution specification',
    async () => {
      const [source, destination] = [await startServer('docker-registry'), await startServer('zot', { docker: true })]
      endings.push(
        () => source.stop(),
        () => destination.stop(),
      )
      const digest = await pushed(source.host)
      const here = program()
      here.write('serve.yaml', configuration(source.url, destination.url))
      const { daemon, host } = await serving(here)
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

const resumes = test.skipIf(!availableServers().includes('registry'))

resumes(
  'kill -9 in the middle of a first pull leaves nothing half visible, and the next pull sends only the rest',
  async () => {
    const size = 20 * MIB
    const app = image({ layers: 1, size, seed: 'large' })
    const [layer, bytes] = [...app.blobs].find(([, { byteLength }]) => byteLength === size) ?? []
    if (!layer || !bytes) throw new Error('no layer')
    const source = await startMemoryRegistry()
    const destination = await startServer('registry')
    const up = await startCountingProxy(destination.url)
    const down = await startCountingProxy(source.url)
    let open = (): void => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    endings.push(
      async () => open(),
      () => source.close(),
      () => destination.stop(),
      () => up.close(),
      () => down.close(),
    )
    source.add('team/app', app, '1.0')
    source.repository('team/app').blobs.set(layer, {
      size,
      async *open(offset) {
        if (offset < size * 0.6) yield bytes.subarray(offset, size * 0.6)
        await opened
        yield bytes.subarray(Math.max(offset, size * 0.6))
      },
    })
    const here = program()
    here.write('serve.yaml', configuration(down.url, up.url))
    const first = await serving(here)
    await fetch(`http://${first.host}/v2/team/app/manifests/1.0`)
    const client = fetch(`http://${first.host}/v2/team/app/blobs/${layer}`).then((answer) => answer.arrayBuffer())
    client.catch(() => {})
    await until('most of what there is has been sent', () => up.bytesUp > size * 0.55)
    first.daemon.process.kill('SIGKILL')
    await expect(client).rejects.toThrow()
    await first.daemon.ended
    expect((await fetch(`${destination.url}/v2/mirror/app/manifests/1.0`)).status).toBe(404)
    const sent = up.bytesUp
    open()
    const second = await serving(here)
    await fetch(`http://${second.host}/v2/team/app/manifests/1.0`)
    const whole = await fetch(`http://${second.host}/v2/team/app/blobs/${layer}`)
    expect(computeDigest(Buffer.from(await whole.arrayBuffer()))).toBe(layer)
    await until('the tag is there', async () => {
      const headers = { accept: app.mediaType }
      return (await fetch(`${destination.url}/v2/mirror/app/manifests/1.0`, { headers })).status === 200
    })
    expect(up.bytesUp - sent).toBeLessThan(size * 0.6)
  },
)
