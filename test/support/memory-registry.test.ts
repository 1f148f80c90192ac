/** The registry in memory refuses what a strict registry refuses. */

import { afterEach, describe, expect, it } from 'vitest'
import { computeDigest, MANIFEST_TYPES, OCI_MANIFEST } from '../../src/core/manifest.ts'
import { artifact, image, index, named, referrer, syntheticBlob } from './images.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from './memory-registry.ts'
import { basic, seed } from './seed.ts'

const ACCEPT = MANIFEST_TYPES.join(', ')
const OCTETS = 'application/octet-stream'
const open: MemoryRegistry[] = []

async function start(options?: MemoryRegistryOptions): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry(options)
  open.push(registry)
  return registry
}

afterEach(async () => {
  for (const registry of open.splice(0)) await registry.close()
})

async function beginUpload(registry: MemoryRegistry): Promise<string> {
  const response = await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, { method: 'POST' })
  expect(response.status).toBe(202)
  return `${registry.url}${response.headers.get('location')}`
}

function patch(url: string, body: Buffer<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'PATCH', body, headers: { 'content-type': OCTETS, ...headers } })
}

describe('content', () => {
  it('takes over HTTP what it was seeded with directly, byte for byte', async () => {
    const registry = await start()
    const multi = index([image({ seed: 1 }), image({ seed: 2, docker: true })])
    await seed(registry.url, 'a/pushed', '1.0', multi)
    await seed(registry, 'a/added', '1.0', multi)
    expect(registry.repositories.get('a/pushed')).toEqual(registry.repositories.get('a/added'))
    const response = await fetch(`${registry.url}/v2/a/pushed/manifests/1.0`, { headers: { accept: ACCEPT } })
    expect(Buffer.from(await response.arrayBuffer())).toEqual(multi.bytes)
    expect(response.headers.get('docker-content-digest')).toBe(multi.digest)
  })

  it('hides a manifest whose type is not accepted', async () => {
    const registry = await start()
    await seed(registry, 'a', '1', image())
    const response = await fetch(`${registry.url}/v2/a/manifests/1`, { headers: { accept: '*/*' } })
    expect(response.status).toBe(404)
  })

  it('refuses a manifest that names what is not there', async () => {
    const registry = await start()
    const { bytes } = image()
    const response = await fetch(`${registry.url}/v2/a/manifests/1`, {
      method: 'PUT',
      headers: { 'content-type': OCI_MANIFEST },
      body: Uint8Array.from(bytes),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] })
  })

  it('lists referrers by subject and type', async () => {
    const registry = await start()
    const subject = image()
    const sbom = referrer(subject.descriptor, { artifactType: 'application/sbom' })
    for (const one of [subject, sbom, referrer(subject.descriptor, { artifactType: 'application/other' })]) {
      await seed(registry, 'a', undefined, one)
    }
    await seed(registry, 'a', undefined, artifact())
    const url = `${registry.url}/v2/a/referrers/${subject.digest}`
    expect(await (await fetch(url)).json()).toMatchObject({ manifests: [{}, {}] })
    const filtered = await (await fetch(`${url}?artifactType=application/sbom`)).json()
    expect(filtered).toMatchObject({ manifests: [{ digest: sbom.digest, artifactType: 'application/sbom' }] })
  })

  it('redirects blobs to a storage that refuses credentials and HEAD', async () => {
    const registry = await start({ redirectBlobs: true })
    const bytes = Buffer.from('blob')
    registry.repository('a').blobs.set(computeDigest(bytes), bytes)
    const url = `${registry.url}/v2/a/blobs/${computeDigest(bytes)}`
    const location = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? ''
    expect((await fetch(location, { headers: { authorization: 'Bearer x' } })).status).toBe(400)
    expect((await fetch(location, { method: 'HEAD' })).status).toBe(403)
    const ranged = await fetch(location, { headers: { range: 'bytes=1-2' } })
    expect([ranged.status, ranged.headers.get('content-range'), await ranged.text()]).toEqual([
      206,
      'bytes 1-2/4',
      'lo',
    ])
  })

  it('serves synthetic content at any offset as one and the same', async () => {
    const blob = syntheticBlob(3_000_001, 7)
    const registry = await start()
    registry.repository('a').blobs.set(blob.digest, blob)
    const url = `${registry.url}/v2/a/blobs/${blob.digest}`
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer())
    expect(computeDigest(whole)).toBe(blob.digest)
    const tail = await fetch(url, { headers: { range: 'bytes=1048577-' } })
    expect(Buffer.from(await tail.arrayBuffer()).equals(whole.subarray(1_048_577))).toBe(true)
  })
})

describe('uploads', () => {
  it('accepts chunks in order, each at the newest Location', async () => {
    const registry = await start()
    const first = await beginUpload(registry)
    const second = await patch(first, Buffer.from('hel'), { 'content-range': '0-2' })
    expect([second.status, second.headers.get('range')]).toEqual([202, '0-2'])
    const location = `${registry.url}${second.headers.get('location')}`
    const disorder = await patch(location, Buffer.from('lo'), { 'content-range': '4-5' })
    expect([disorder.status, disorder.headers.get('range')]).toEqual([416, '0-2'])
    const digest = computeDigest(Buffer.from('hello'))
    const done = await fetch(`${location}&digest=${digest}`, {
      method: 'PUT',
      body: 'lo',
      headers: { 'content-type': OCTETS, 'content-range': '3-4' },
    })
    expect(done.status).toBe(201)
    expect(registry.repository('a/b').blobs.get(digest)).toEqual(Buffer.from('hello'))
  })

  it('ends the session at an old Location', async () => {
    const registry = await start()
    const first = await beginUpload(registry)
    await patch(first, Buffer.from('x'))
    expect((await patch(first, Buffer.from('y'))).status).toBe(404)
    expect(registry.uploads.size).toBe(0)
  })

  it('keeps nothing of a blob that is not its digest', async () => {
    const registry = await start()
    const location = await beginUpload(registry)
    const response = await fetch(`${location}&digest=${computeDigest(Buffer.from('good'))}`, {
      method: 'PUT',
      body: 'evil',
      headers: { 'content-type': OCTETS },
    })
    expect(response.status).toBe(400)
    expect(registry.repository('a/b').blobs.size).toBe(0)
  })

  it('refuses a PATCH of another type and a PUT without a length', async () => {
    const registry = await start()
    const bad = await patch(await beginUpload(registry), Buffer.from('x'), { 'content-type': 'text/plain' })
    expect(bad.status).toBe(500)
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('x'))
        controller.close()
      },
    })
    const location = `${await beginUpload(registry)}&digest=${computeDigest(Buffer.from('x'))}`
    const init = { method: 'PUT', body, duplex: 'half', headers: { 'content-type': OCTETS } } as const
    expect((await fetch(location, init)).status).toBe(411)
  })

  it('keeps in the session what came before the connection was cut', async () => {
    const registry = await start({
      fault: ({ method }, seen) => (method === 'PATCH' && seen === 0 ? { resetAfter: 100_000 } : undefined),
    })
    const location = await beginUpload(registry)
    await expect(patch(location, Buffer.alloc(1_000_000))).rejects.toThrow()
    const status = await fetch(location)
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-99999'])
  })

  it('mounts what another repository has, and begins an upload for what it has not', async () => {
    const registry = await start()
    const bytes = Buffer.from('blob')
    const { digest } = named(bytes)
    registry.repository('from').blobs.set(digest, bytes)
    const url = `${registry.url}/v2/to/blobs/uploads/?mount=${digest}&from=`
    expect((await fetch(`${url}from`, { method: 'POST' })).status).toBe(201)
    expect(registry.repository('to').blobs.has(digest)).toBe(true)
    expect((await fetch(`${url}elsewhere`, { method: 'POST' })).status).toBe(202)
  })
})

describe('bearer tokens', () => {
  const auth = { kind: 'bearer', user: 'u', password: 'p', expiresIn: 100 } as const

  async function tokenFor(registry: MemoryRegistry, ...scopes: readonly string[]): Promise<string> {
    const query = new URLSearchParams({ service: 'memory, registry' })
    for (const scope of scopes) query.append('scope', scope)
    const response = await fetch(`${registry.url}/token?${query}`, { headers: { authorization: basic('u', 'p') } })
    const { token } = (await response.json()) as { readonly token: string }
    return `Bearer ${token}`
  }

  it('names the exact scope and refuses a token for another', async () => {
    const registry = await start({ auth })
    const url = `${registry.url}/v2/a/blobs/uploads/?mount=${computeDigest(Buffer.from('x'))}&from=b`
    const refused = await fetch(url, { method: 'POST' })
    expect(refused.headers.get('www-authenticate')).toContain('scope="repository:a:pull,push repository:b:pull"')
    const half = { authorization: await tokenFor(registry, 'repository:a:pull,push') }
    expect((await fetch(url, { method: 'POST', headers: half })).status).toBe(401)
    const whole = { authorization: await tokenFor(registry, 'repository:a:pull,push', 'repository:b:pull') }
    expect((await fetch(url, { method: 'POST', headers: whole })).status).toBe(202)
    expect(registry.tokens.map(({ scopes }) => scopes.length)).toEqual([1, 2])
  })

  it('expires tokens by the clock it was given', async () => {
    let now = 0
    const registry = await start({ auth, now: () => now })
    const headers = { authorization: await tokenFor(registry) }
    expect((await fetch(`${registry.url}/v2/`, { headers })).status).toBe(200)
    now = 100_000
    expect((await fetch(`${registry.url}/v2/`, { headers })).status).toBe(401)
  })
})

describe('lists', () => {
  it.each(['relative', 'absolute', 'opaque'] as const)(
    'pages by %s links, the last of which may be empty',
    async (link) => {
      const registry = await start({ link })
      for (const tag of ['1', '2', '3', '4']) await seed(registry, 'a', tag, image())
      const seen: string[] = []
      let next: string | undefined = `${registry.url}/v2/a/tags/list?n=2`
      while (next !== undefined) {
        const response: Response = await fetch(next)
        const { tags } = (await response.json()) as { readonly tags: readonly string[] }
        seen.push(...tags)
        const target: string | undefined = /<([^>]+)>/.exec(response.headers.get('link') ?? '')?.[1]
        next = target === undefined ? undefined : new URL(target, registry.url).href
      }
      expect(seen).toEqual(['1', '2', '3', '4'])
      expect(registry.summary()).toEqual({ 'GET tags 200': 3 })
    },
  )

  it('refuses a page larger than its cap', async () => {
    const registry = await start({ pageSize: 50 })
    await seed(registry, 'a', '1', image())
    expect((await fetch(`${registry.url}/v2/a/tags/list?n=51`)).status).toBe(400)
    expect((await fetch(`${registry.url}/v2/_catalog?n=51`)).status).toBe(400)
  })
})

describe('faults', () => {
  it.each([[{ truncateAfter: 10 }], [{ reset: true }], [{ loseAnswer: true }]] as const)(
    '%o ends in an error of the client',
    async (fault) => {
      const registry = await start({ fault: () => fault })
      const bytes = Buffer.alloc(1000)
      registry.repository('a').blobs.set(computeDigest(bytes), bytes)
      const read = async () => (await fetch(`${registry.url}/v2/a/blobs/${computeDigest(bytes)}`)).arrayBuffer()
      await expect(read()).rejects.toThrow()
    },
  )

  it('corrupts one byte and leaves the length', async () => {
    const registry = await start({ fault: () => ({ corrupt: true }) })
    const bytes = Buffer.alloc(1000)
    registry.repository('a').blobs.set(computeDigest(bytes), bytes)
    const answer = await fetch(`${registry.url}/v2/a/blobs/${computeDigest(bytes)}`)
    const body = Buffer.from(await answer.arrayBuffer())
    expect(body.byteLength).toBe(1000)
    expect(body.equals(bytes)).toBe(false)
  })
})
