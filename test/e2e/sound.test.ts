/** `verify` of one place by itself: whatever was lost or damaged on the way is found and named. */

import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Digest } from '../../src/core/descriptor.ts'
import { context, entry, finish, layoutFiles, openLayout, push, unpack } from '../oci/layout/support.ts'
import { type Artifact, cosignSignature, image, index, referrer } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { type Program, program } from './program.ts'

const base = [Buffer.from('a layer that several images have')]
const amd = image({ seed: 'amd', base })
const arm = image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } })
const both = index([amd, arm])
const other = image({ seed: 'other', base })
const sbom = referrer(both.descriptor)
const signature = cosignSignature(both.descriptor)

async function fill(path: string): Promise<void> {
  const layout = openLayout(path)
  await push(layout.repository('team/app'), both, '1.0')
  await push(layout.repository('team/app'), sbom)
  await push(layout.repository('team/app'), signature.artifact, signature.tag)
  await push(layout.repository('other'), other, 'latest')
  await finish(layout)
}

let here: Program
beforeEach(async () => {
  here = program()
  await fill(join(here.directory, 'carried'))
})

const fileOf = (digest: Digest): string => join(here.directory, 'carried', 'blobs', digest.replace(':', '/'))
const layerOf = (artifact: Artifact, at = 1): Digest => [...artifact.blobs.keys()][at] ?? artifact.digest

interface Checked {
  readonly artifacts: number
  readonly differences: readonly { kind: string; image: string; digest: string; in: string | null }[]
}

async function checked(place = 'oci:carried'): Promise<readonly [number | undefined, Checked]> {
  const { code, stdout } = await here.run(['verify', place, '--json'])
  const { places } = JSON.parse(stdout) as { readonly places: readonly [Checked] }
  return [code, places[0]]
}

test('a directory that is whole is sound, and so is each part of it', async () => {
  const ended = await here.run(['verify', 'oci:carried'])
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toMatch(/^oci:carried\n\d+ artifacts, \d+ blobs \(.* KiB\) checked, all sound\n$/)
  expect(await checked('oci:carried:team/app:1.0')).toMatchObject([0, { artifacts: 1, differences: [] }])
  expect(await here.run(['verify', 'oci:carried:team/app:1.0', '--quiet'])).toMatchObject({ code: 0, stdout: '' })
})

test.each([
  ['a layer', () => layerOf(amd), 'missing_blob', 'team/app:1.0'],
  ['a config', () => layerOf(arm, 0), 'missing_blob', 'team/app:1.0'],
  ['a child of an index', () => arm.digest, 'missing_manifest', 'team/app:1.0'],
  ['an image', () => other.digest, 'missing_manifest', 'other:latest'],
  ['a referrer', () => sbom.digest, 'missing_manifest', 'team/app:1.0'],
  ['what a referrer holds', () => layerOf(sbom), 'missing_blob', 'team/app:1.0'],
  ['a signature', () => signature.artifact.digest, 'missing_manifest', `team/app:${signature.tag}`],
])('%s that is gone is missed, and one of which a byte flipped is damaged', async (_, digestOf, kind, named) => {
  const digest = digestOf()
  const bytes = readFileSync(fileOf(digest))
  rmSync(fileOf(digest))
  const [code, { differences }] = await checked()
  expect(code).toBe(1)
  expect(differences).toContainEqual(expect.objectContaining({ kind, digest, image: named }))

  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(fileOf(digest), bytes)
  const again = await here.run(['verify', 'oci:carried'])
  expect(again).toMatchObject({ code: 1, stderr: '' })
  expect(again.stdout).toMatch(new RegExp(`✗ ${named.replaceAll('.', '\\.')}  damaged ${kind.slice(8)} ${digest}`))
  expect(again.stdout).toMatch(/\d+ differences? in \d+\n$/)
})

test('a layer that several images have is named for each of them', async () => {
  writeFileSync(fileOf(layerOf(amd, 1)), 'x'.repeat(base[0]?.byteLength ?? 0))
  const [, { differences }] = await checked()
  const shared = differences.filter(({ kind }) => kind === 'damaged_blob')
  expect(shared.map(({ image: name }) => name).sort()).toEqual(['other:latest', 'team/app:1.0'])
})

test('of several layouts below one directory each is read', async () => {
  for (const name of ['tree/a', 'tree/b']) await fill(join(here.directory, name))
  expect((await checked('oci:tree'))[0]).toBe(0)
  const bytes = 'x'.repeat(base[0]?.byteLength ?? 0)
  writeFileSync(join(here.directory, 'tree', 'b', 'blobs', layerOf(other, 1).replace(':', '/')), bytes)
  const [code, { differences }] = await checked('oci:tree')
  expect([code, differences.map(({ image: name }) => name).sort()]).toEqual([
    1,
    ['tree/b/other:latest', 'tree/b/team/app:1.0'].map((name) => name.slice(5)),
  ])
})

test('a platform that was left out on purpose is not missed', async () => {
  const store = openLayout(join(here.directory, 'part')).repository('app')
  await push(store, arm)
  await store.writeManifest(both, '1', context)
  expect(await checked('oci:part')).toMatchObject([0, { differences: [] }])
  rmSync(join(here.directory, 'part', 'blobs', arm.digest.replace(':', '/')))
  expect(await checked('oci:part')).toMatchObject([1, { differences: [{ digest: arm.digest }] }])
})

test('a platform that a layout of another tool lacks is missed', async () => {
  unpack(join(here.directory, 'theirs'), layoutFiles([entry(both.descriptor)], [{ ...both, children: [arm] }]))
  expect(await checked('oci:theirs')).toMatchObject([1, { differences: [{ digest: amd.digest }] }])
})

test('an index.json that calls an image something else, or one tag two images, is told', async () => {
  const ref = { 'org.opencontainers.image.ref.name': 'a:1' }
  const wrong = { ...amd.descriptor, mediaType: both.mediaType }
  unpack(join(here.directory, 'wrong'), layoutFiles([entry(wrong, ref)], [amd]))
  expect((await here.run(['verify', 'oci:wrong'])).stdout).toContain(
    `✗ a:1  is listed as ${both.mediaType}, and is ${amd.mediaType}`,
  )
  unpack(
    join(here.directory, 'twice'),
    layoutFiles([entry(amd.descriptor, ref), entry(arm.descriptor, ref)], [amd, arm]),
  )
  const { code, stdout } = await here.run(['verify', 'oci:twice'])
  expect([code, stdout]).toEqual([1, expect.stringContaining('index.json is ambiguous: a:1 names both')])
})

describe('a tar', () => {
  beforeEach(() => fill(join(here.directory, 'carried.tar')))

  test('is sound, also compressed, until a byte flips or its end is gone', async () => {
    const path = join(here.directory, 'carried.tar')
    const bytes = readFileSync(path)
    writeFileSync(`${path}.gz`, gzipSync(bytes))
    for (const place of ['tar:carried.tar', 'tar:carried.tar.gz']) expect((await checked(place))[0]).toBe(0)
    const at = bytes.indexOf(base[0] ?? '')
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    expect(await checked('tar:carried.tar')).toMatchObject([1, { differences: [{ kind: 'damaged_blob' }, {}] }])
    truncateSync(path, bytes.byteLength >> 1)
    const cut = await here.run(['verify', 'tar:carried.tar'])
    expect([cut.code, cut.stderr]).toEqual([1, expect.stringContaining('is cut off')])
  })
})

test('a registry is checked without reading a blob, unless that is asked', async () => {
  const registry = await startMemoryRegistry()
  onTestFinished(() => registry.close())
  registry.add('app', both, '1')
  const place = `${new URL(registry.url).host}/app:1`
  expect((await here.run(['verify', place])).code).toBe(0)
  const reads = () => registry.requests.filter(({ method, route }) => method === 'GET' && route === 'blob').length
  expect(reads()).toBe(0)
  expect((await here.run(['verify', place, '--full'])).code).toBe(0)
  expect(reads()).toBe(7)
  registry.repository('app').blobs.delete(layerOf(arm))
  expect((await here.run(['verify', place])).stdout).toContain(`✗ app:1  missing blob ${layerOf(arm)}`)
})

test('what is not there, and what is for policies only, is refused', async () => {
  expect(await here.run(['verify', 'oci:nowhere'])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/does not exist/),
  })
  expect(await here.run(['verify', 'oci:carried:team/app:9'])).toMatchObject({ code: 1 })
  expect(await here.run(['verify', 'oci:carried:none/*'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/nothing matches/),
  })
  for (const args of [['--repair'], ['--filter', 'tag=1'], ['policy.yaml']]) {
    expect(await here.run(['verify', 'oci:carried', ...args])).toMatchObject({ code: 2 })
  }
})
