/** Uploads in every way to the real registries that are installed, and what zot refuses. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { zot } from '../../../adapters/zot/index.ts'
import type { Bytes } from '../../../src/core/content.ts'
import { NetworkError } from '../../../src/core/errors.ts'
import { computeDigest } from '../../../src/core/manifest.ts'
import { createHttpClient } from '../../../src/http/client.ts'
import { image } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { seed } from '../../support/seed.ts'
import { availableServers, type RealServer, startServer } from '../../support/servers.ts'
import { bytesOf, collect, connect, end, endings } from './connect.ts'

afterEach(end)

const MIB = 1024 * 1024
const ANONYMOUS = { kind: 'anonymous', origin: 'none' } as const

describe.each(availableServers())('%s', (name) => {
  let server: RealServer
  beforeAll(async () => {
    server = await startServer(name)
  })
  afterAll(() => server.stop())

  test.each([
    { strategy: 'put' },
    { strategy: 'put', putLimit: MIB, chunk: MIB },
    { strategy: 'chunks', chunk: MIB },
    { strategy: 'patch' },
  ] as const)('takes a blob with %o, also where its source breaks off once', async (upload) => {
    const { adapter, ctx } = connect(server.url, { upload })
    const store = adapter.repository('uploads')
    for (const breaks of [false, true]) {
      const bytes = randomBytes(2.5 * MIB, JSON.stringify([name, upload, breaks]))
      const blob = { mediaType: 'application/octet-stream', digest: computeDigest(bytes), size: bytes.byteLength }
      let broken = !breaks
      async function* stream(from: number): Bytes {
        for (let at = from; at < bytes.byteLength; at += 50_000) {
          if (!broken && at > 1_700_000) {
            broken = true
            throw new NetworkError('the source broke off')
          }
          yield bytes.subarray(at, at + 50_000)
        }
      }
      await store.writeBlob(blob, async (offset) => stream(offset), ctx)
      expect(await store.hasBlob(blob, ctx)).toBe(true)
      expect((await bytesOf(await store.readBlob(blob, 0, ctx))).equals(bytes)).toBe(true)
    }
  })

  test.runIf(name !== 'zot')('is said to refuse the URLs of foreign layers', async () => {
    const plain = image({ seed: 'windows' })
    await seed(server.url, 'windows', 'plain', plain)
    const json = JSON.parse(String(Buffer.from(plain.bytes)))
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
    const foreign = {
      ...json.layers[0],
      mediaType,
      digest: computeDigest(Buffer.from('base')),
      urls: ['https://example.com/base'],
    }
    const bytes = Buffer.from(JSON.stringify({ ...json, layers: [foreign, ...json.layers] }))
    const { adapter, ctx } = connect(server.url)
    const manifest = { mediaType: plain.mediaType, digest: computeDigest(bytes), bytes }
    await expect(adapter.repository('windows').writeManifest(manifest, 'v1', ctx)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining("the URLs of this image's foreign layers"),
    })
  })

  test('answers a check and lists its repositories', async () => {
    await seed(server.url, 'team/listed', 'v1', image())
    const { adapter, ctx } = connect(server.url)
    await adapter.ping(ctx)
    const names = await collect(adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? [])
    expect(names).toContain('team/listed')
  })
})

test.runIf(availableServers().includes('zot'))('zot says how it would take a Docker image', async () => {
  const server = await startServer('zot')
  endings.push(() => server.stop())
  const http = (): ReturnType<typeof createHttpClient> =>
    createHttpClient({
      url: server.url,
      host: server.host,
      credential: async () => ANONYMOUS,
      userAgent: 'replicate-test',
      secrets: () => {},
    })
  const adapter = await zot.open(
    { name: 'zot', type: 'zot', url: server.url },
    { http, api: http, credential: async () => ANONYMOUS },
  )
  endings.push(async () => adapter.close?.())
  const docker = image({ docker: true })
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  await expect(adapter.repository('app').writeManifest(docker, 'v1', ctx)).rejects.toMatchObject({
    status: 415,
    hint: expect.stringContaining('docker2s2'),
  })
})
