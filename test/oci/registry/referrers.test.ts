/** Finds and keeps referrers by the API, by the fallback index, and by cosign's tags. */

import { afterEach, describe, expect, test } from 'vitest'
import { OCI_INDEX } from '../../../src/core/manifest.ts'
import { referrersOf } from '../../../src/transfer/referrers.ts'
import { cosignSignature, fallbackTag, image, index, referrer } from '../../support/images.ts'
import { collect, connect, end, memoryRegistry } from './connect.ts'

afterEach(end)

const SUBJECT = image({ seed: 'subject' })
const SBOM = referrer(SUBJECT.descriptor, { artifactType: 'application/spdx+json', content: 'sbom' })
const SCAN = referrer(SUBJECT.descriptor, { artifactType: 'application/sarif+json', content: 'scan' })
const SIGNATURE = cosignSignature(SUBJECT.descriptor)

describe('the referrers of a manifest', () => {
  test('come from the API, and those on tags with their tag', async () => {
    const registry = await memoryRegistry()
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SBOM)
    registry.add('app', SCAN)
    registry.add('app', SIGNATURE.artifact, SIGNATURE.tag)
    const { adapter, ctx } = connect(registry.url)
    const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(new Set(found.map(({ digest }) => digest))).toEqual(
      new Set([SBOM.digest, SCAN.digest, SIGNATURE.artifact.digest]),
    )
    expect(found.find(({ tag }) => tag !== undefined)).toMatchObject({ tag: SIGNATURE.tag })
    expect(found.find(({ digest }) => digest === SBOM.digest)?.artifactType).toBe('application/spdx+json')
  })

  test('come from the fallback index where there is no API, which is asked for once', async () => {
    const registry = await memoryRegistry({ referrers: false })
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', index([SBOM, SCAN]), fallbackTag(SUBJECT.digest))
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    for (let time = 0; time < 2; time += 1) {
      const found = await collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])
      expect(found.map(({ digest }) => digest)).toEqual([SBOM.digest, SCAN.digest])
    }
    expect(registry.requests.filter(({ route }) => route === 'referrers')).toHaveLength(1)
  })

  test('many at once find out with one request that there is no API', async () => {
    const registry = await memoryRegistry({ referrers: false })
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', index([SBOM]), fallbackTag(SUBJECT.digest))
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    const found = await Promise.all(
      Array.from({ length: 8 }, () => collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])),
    )
    expect(found.map((list) => list.map(({ digest }) => digest))).toEqual(Array(8).fill([SBOM.digest]))
    expect(registry.requests.filter(({ route }) => route === 'referrers')).toHaveLength(1)
  })

  test('a first answer that says nothing of the API leaves it to the others to find it', async () => {
    let asked = 0
    const registry = await memoryRegistry({
      fault: ({ route }) => (route === 'referrers' && asked++ === 0 ? { status: 400 } : undefined),
    })
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SBOM)
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    const ends = await Promise.allSettled(
      [1, 2, 3].map(() => collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])),
    )
    expect(ends.slice(1).map((end) => end.status === 'fulfilled' && end.value.length)).toEqual([1, 1])
  })

  test('come from both where the API knows of some and the fallback index of others', async () => {
    const registry = await memoryRegistry()
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SBOM)
    const loose = image({ seed: 'without a subject' })
    registry.add('app', index([SBOM, loose]), fallbackTag(SUBJECT.digest))
    const { adapter, ctx } = connect(registry.url)
    const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ digest }) => digest).sort()).toEqual([SBOM.digest, loose.digest].sort())
  })

  test.each([{ listed: true }, { listed: false }])('of one image cost no list of tags (%o)', async ({ listed }) => {
    const registry = await memoryRegistry()
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SIGNATURE.artifact, SIGNATURE.tag)
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    if (listed) await collect(store.tags(ctx))
    const before = registry.requests.length
    const found = await collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ tag }) => tag)).toEqual([SIGNATURE.tag])
    const asked = registry.requests.slice(before)
    expect(asked.filter(({ route }) => route === 'tags')).toEqual([])
    expect(asked.filter(({ route }) => route === 'manifest')).toHaveLength(listed ? 1 : 7)
  })

  test.each(['sig', 'att', 'sbom', 'vex', 'src', 'cosign'])(
    'under a tag .%s are found without a list',
    async (suffix) => {
      const registry = await memoryRegistry()
      registry.add('app', SUBJECT, 'v1')
      const tag = `${fallbackTag(SUBJECT.digest)}.${suffix}`
      registry.add('app', SIGNATURE.artifact, tag)
      const { adapter, ctx } = connect(registry.url)
      const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
      expect(found.map((one) => one.tag)).toEqual([tag])
    },
  )

  test('of very many images cost one list of tags', async () => {
    const registry = await memoryRegistry()
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SIGNATURE.artifact, SIGNATURE.tag)
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    const others = Array.from({ length: 100 }, (_, at) => image({ seed: `other ${at}`, layers: 1, size: 10 }))
    for (const { descriptor } of others) await collect(store.referrers?.(descriptor, ctx) ?? [])
    expect(registry.requests.filter(({ route }) => route === 'tags')).toHaveLength(1)
    expect(registry.requests.filter(({ route }) => route === 'manifest').length).toBeLessThan(120)
    const found = await collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ tag }) => tag)).toEqual([SIGNATURE.tag])
  })

  test('of an index with many children cost one list of tags, and those of the index itself are asked for by name', async () => {
    const registry = await memoryRegistry()
    const children = Array.from({ length: 20 }, (_, at) => image({ seed: `child ${at}`, layers: 1, size: 10 }))
    const all = index(children)
    registry.add('app', all, 'v1')
    const [first] = children
    if (!first) throw new Error('no child')
    for (const { descriptor } of [all, first]) {
      const { artifact, tag } = cosignSignature(descriptor)
      registry.add('app', artifact, tag)
    }
    const { adapter, ctx } = connect(registry.url)
    const found: (string | undefined)[] = []
    const subjects = [all, ...children].map(({ descriptor }) => descriptor)
    for await (const { referrers } of referrersOf(subjects, adapter.repository('app'), ctx)) {
      for (const { tag } of referrers) found.push(tag)
    }
    expect(found.sort()).toEqual([all, first].map(({ digest }) => `${fallbackTag(digest)}.sig`).sort())
    expect(registry.requests.filter(({ route }) => route === 'tags')).toHaveLength(1)
    // Seven names of the index, one tag of a child that was listed, and what refers to the two signatures.
    const asked = registry.requests.filter(({ method, route }) => method === 'HEAD' && route === 'manifest')
    expect(asked.length).toBeLessThan(12)
  })

  test('of an image that was asked for by its tag are asked for by name, as of a cache that lists what was pulled', async () => {
    const registry = await memoryRegistry()
    const images = Array.from({ length: 30 }, (_, at) => image({ seed: `tagged ${at}`, layers: 1, size: 10 }))
    for (const [at, one] of images.entries()) registry.add('app', one, `v${at}`)
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    for (const at of images.keys())
      at % 2 ? await store.resolve(`v${at}`, ctx) : await store.readManifest(`v${at}`, ctx)
    const found: (string | undefined)[] = []
    for (const [at, { digest, descriptor }] of images.entries()) {
      // Late enough for no list to have it.
      const tag = `${fallbackTag(digest)}.sig`
      registry.add('app', image({ seed: `signature ${at}` }), tag)
      for (const referrer of await collect(store.referrers?.(descriptor, ctx) ?? [])) found.push(referrer.tag)
    }
    expect(found).toEqual(images.map(({ digest }) => `${fallbackTag(digest)}.sig`))
  })

  test('hang on every tag that is named after it, a manifest once for each', async () => {
    const registry = await memoryRegistry()
    registry.add('app', SUBJECT, 'v1')
    const stem = fallbackTag(SUBJECT.digest)
    const tags = ['imgpkg', 'vex', 'sig', 'cosign', 'src.tar'].map((suffix) => `${stem}.${suffix}`)
    for (const tag of tags) registry.add('app', SIGNATURE.artifact, tag)
    registry.add('app', image({ seed: 'bundle' }), stem)
    registry.add('app', image({ seed: 'other' }), fallbackTag(SBOM.digest))
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    await collect(store.tags(ctx))
    const found = await collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ tag }) => tag).sort()).toEqual([stem, ...tags].sort())
  })

  test('are not the image itself, which GitLab answers the fallback tag with', async () => {
    const subject = index([image({ seed: 'amd64' }), image({ seed: 'arm64' })])
    const registry = await memoryRegistry({ referrers: false })
    registry.add('app', subject, 'v1', fallbackTag(subject.digest))
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    expect(await collect(store.referrers?.(subject.descriptor, ctx) ?? [])).toEqual([])
    const sbom = referrer(subject.descriptor, { artifactType: 'application/spdx+json', content: 'sbom' })
    registry.add('app', sbom)
    await store.writeManifest(sbom, sbom.digest, ctx)
    const found = await collect(store.referrers?.(subject.descriptor, ctx) ?? [])
    expect(found.map(({ digest }) => digest)).toEqual([sbom.digest])
  })

  test.each([401, 403])('on tags that the registry answers with %i are not there', async (status) => {
    const registry = await memoryRegistry({
      fault: ({ route, path }) =>
        (route === 'manifest' && path.includes('sha256-')) || route === 'tags' ? { status } : undefined,
    })
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SBOM)
    const { adapter, ctx } = connect(registry.url)
    const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ digest }) => digest)).toEqual([SBOM.digest])
  })

  test.each([
    ['without end', { manifests: [] }],
    ['that are too heavy', { manifests: [{ ...SBOM.descriptor, annotations: { note: 'x'.repeat(7 * 1024 * 1024) } }] }],
  ])('in pages %s are refused', async (_what, page) => {
    let pages = 0
    const registry = await memoryRegistry({
      fault: ({ route }) => {
        if (route !== 'referrers') return undefined
        pages += 1
        const link = `</v2/app/referrers/${SUBJECT.digest}?page=${pages}>; rel="next"`
        return { status: 200, headers: { 'content-type': OCI_INDEX, link }, body: JSON.stringify(page) }
      },
    })
    registry.add('app', SUBJECT, 'v1')
    const { adapter, ctx } = connect(registry.url)
    const listing = collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    await expect(listing).rejects.toMatchObject({ code: 'registry', message: expect.stringContaining('cannot list') })
  })

  test('are told briefly: what is heavy in the list is read with each manifest', async () => {
    const body = JSON.stringify({ manifests: [{ ...SBOM.descriptor, annotations: { note: 'x' }, data: 'eHh4' }] })
    const registry = await memoryRegistry({
      fault: ({ route }) =>
        route === 'referrers' ? { status: 200, headers: { 'content-type': OCI_INDEX }, body } : undefined,
    })
    const { adapter, ctx } = connect(registry.url)
    const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found).toEqual([SBOM.descriptor])
  })

  test('on tags cost no request where the tags have been listed and show none', async () => {
    const registry = await memoryRegistry({ referrers: false })
    registry.add('app', SUBJECT, 'v1')
    const { adapter, ctx } = connect(registry.url, { referrers: false })
    const store = adapter.repository('app')
    await collect(store.tags(ctx))
    expect(await collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? [])).toEqual([])
    expect(registry.requests).toHaveLength(1)
  })

  test('on tags are asked for one by one where the tags cannot be listed', async () => {
    const registry = await memoryRegistry({
      fault: ({ route }) => (route === 'tags' ? { status: 403 } : undefined),
    })
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', SIGNATURE.artifact, SIGNATURE.tag)
    const { adapter, ctx } = connect(registry.url)
    const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ tag }) => tag)).toEqual([SIGNATURE.tag])
  })

  test.each([
    ['a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' }],
    ['a redirect to another host', { status: 303, headers: { location: 'http://localhost:1/' } }],
    ['a 405', { status: 405 }],
    ['a 406', { status: 406 }],
    ['a 415', { status: 415 }],
    ['a 501', { status: 501 }],
  ])('do not come from %s', async (_name, answer) => {
    const registry = await memoryRegistry({
      fault: ({ route }) => (route === 'referrers' ? answer : undefined),
    })
    registry.add('app', SUBJECT, 'v1')
    registry.add('app', index([SBOM]), fallbackTag(SUBJECT.digest))
    const { adapter, ctx } = connect(registry.url)
    const found = await collect(adapter.repository('app').referrers?.(SUBJECT.descriptor, ctx) ?? [])
    expect(found.map(({ digest }) => digest)).toEqual([SBOM.digest])
  })
})

describe('a manifest with a subject', () => {
  test('is entered into the fallback index where the registry has no API, beside what is there', async () => {
    const registry = await memoryRegistry({ referrers: false })
    for (const artifact of [SUBJECT, SBOM, SCAN]) registry.add('app', artifact)
    const { adapter, ctx } = connect(registry.url)
    const store = adapter.repository('app')
    await Promise.all([SBOM, SCAN, SBOM].map((artifact) => store.writeManifest(artifact, artifact.digest, ctx)))
    const kept = await store.readManifest(fallbackTag(SUBJECT.digest), ctx)
    expect(kept.mediaType).toBe(OCI_INDEX)
    const { manifests } = JSON.parse(String(Buffer.from(kept.bytes)))
    expect(manifests).toHaveLength(2)
    expect(manifests).toContainEqual(
      expect.objectContaining({ digest: SBOM.digest, artifactType: 'application/spdx+json' }),
    )
    expect(manifests).toContainEqual(expect.objectContaining({ digest: SCAN.digest }))
  })

  test('is left to a registry that says it has entered it', async () => {
    const registry = await memoryRegistry()
    for (const artifact of [SUBJECT, SBOM]) registry.add('app', artifact)
    const { adapter, ctx } = connect(registry.url)
    await adapter.repository('app').writeManifest(SBOM, SBOM.digest, ctx)
    expect(registry.summary()).toEqual({ 'PUT manifest 201': 1 })
  })

  test('does not replace what is no index', async () => {
    const registry = await memoryRegistry({ referrers: false })
    for (const artifact of [SUBJECT, SBOM]) registry.add('app', artifact)
    registry.add('app', image({ seed: 'other' }), fallbackTag(SUBJECT.digest))
    const { adapter, ctx } = connect(registry.url)
    await expect(adapter.repository('app').writeManifest(SBOM, SBOM.digest, ctx)).rejects.toMatchObject({
      code: 'unsupported',
    })
  })
})
