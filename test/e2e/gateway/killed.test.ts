/** The gateway as a process, killed in the middle of a pull. */

import { expect, test } from 'vitest'
import { computeDigest } from '../../../src/core/manifest.ts'
import { startCountingProxy } from '../../support/counting-proxy.ts'
import { image } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { availableServers, startServer } from '../../support/servers.ts'
import { program, until } from '../program.ts'
import { configuration, endings, serving } from './serving.ts'

const MIB = 1024 * 1024

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
