/** What `docker save` and others put into a tar, read as images: old forms and new, and what strangers may make of them. */

import { execFile, execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import { computeDigest, contentsOf } from '../../../src/core/manifest.ts'
import { image } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { randomBytes } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { pathOfTool } from '../../support/tools.ts'
import { collect, context, entry, layoutFiles, openLayout, push, read, type TarMember, tarOf } from './support.ts'

const layers = ['base', 'app'].map((seed) => randomBytes(3000, seed))
const config = configOf(layers)
const hex = (bytes: Uint8Array): string => computeDigest(bytes).slice(7)

function configOf(contents: readonly Uint8Array[], extra: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: 'arm64',
      os: 'linux',
      config: { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: contents.map((bytes) => computeDigest(bytes)) },
      ...extra,
    }),
  )
}

function saved(...images: readonly object[]): [string, Buffer] {
  return ['manifest.json', Buffer.from(JSON.stringify(images))]
}

/** As Docker 1.10 to 24 writes it: a directory for each layer. */
const OLD: [string, Buffer][] = [
  ['aaa/VERSION', Buffer.from('1.0')],
  ['aaa/json', Buffer.from('{}')],
  ['aaa/layer.tar', layers[0] ?? Buffer.alloc(0)],
  ['bbb/layer.tar', layers[1] ?? Buffer.alloc(0)],
  [`${hex(config)}.json`, config],
  saved({ Config: `${hex(config)}.json`, RepoTags: ['team/app:1.0'], Layers: ['aaa/layer.tar', 'bbb/layer.tar'] }),
  ['repositories', Buffer.from('{"team/app":{"1.0":"bbb"}}')],
]

async function archive(files: Iterable<[string, Buffer]>, more: readonly TarMember[] = []): Promise<string> {
  return inFile(await tarOf(files, more))
}

function inFile(bytes: Buffer, name = 'saved.tar'): string {
  const path = join(temporaryDirectory(), name)
  writeFileSync(path, bytes)
  return path
}

/** Every tag with the digests of its layers. */
async function imagesIn(path: string): Promise<Record<string, readonly string[]>> {
  const adapter = openLayout(path)
  const found: Record<string, readonly string[]> = {}
  for (const repository of await collect(adapter.repositories({ namespaces: [], names: [] }, context))) {
    const store = adapter.repository(repository)
    for (const tag of await collect(store.tags(context))) {
      const { blobs, config: named } = contentsOf(await store.readManifest(tag, context))
      for (const blob of blobs) {
        expect(await store.hasBlob(blob, context)).toBe(true)
        expect(computeDigest(await read(store, blob))).toBe(blob.digest)
        expect(await read(store, blob, 5)).toEqual((await read(store, blob)).subarray(5))
      }
      found[`${repository}:${tag}`] = blobs.flatMap(({ digest }) => (digest === named?.digest ? [] : [digest]))
    }
  }
  await adapter.close()
  return found
}

const digests = layers.map((bytes) => computeDigest(bytes))

describe('an archive of `docker save`', () => {
  it('is an image of OCI whose layers and config are the bytes that it holds', async () => {
    const path = await archive(OLD)
    expect(await imagesIn(path)).toEqual({ 'team/app:1.0': digests })
    const store = openLayout(path).repository('team/app')
    const manifest = await store.readManifest('1.0', context)
    expect(contentsOf(manifest)).toMatchObject({
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: computeDigest(config) },
      blobs: [{}, { mediaType: 'application/vnd.oci.image.layer.v1.tar' }, {}],
    })
    expect(computeDigest(manifest.bytes)).toBe(manifest.digest)
  })

  it('has the same digest whenever it is read, in whatever order its members are, and compressed', async () => {
    const tars = [await tarOf(OLD), await tarOf([...OLD].reverse())]
    const paths = [
      ...tars.map((bytes) => inFile(bytes)),
      inFile(gzipSync(tars[0] ?? ''), 'saved.tar.gz'),
      inFile(zstdCompressSync(tars[0] ?? Buffer.alloc(0)), 'saved'),
    ]
    const found = await Promise.all(
      paths.map(async (path) => (await openLayout(path).repository('team/app').resolve('1.0', context))?.digest),
    )
    expect(new Set(found).size).toBe(1)
    expect(found[0]).toMatch(/^sha256:/)
  })

  it('may have several images, tags of one image, layers in common, and links between them', async () => {
    const other = configOf(layers, { created: '2020-01-01T00:00:00Z' })
    const path = await archive(
      [
        ['aaa/layer.tar', layers[0] ?? Buffer.alloc(0)],
        [`${digests[1]?.slice(7)}.tar`, layers[1] ?? Buffer.alloc(0)],
        ['one.json', config],
        ['two.json', other],
        saved(
          { Config: 'one.json', RepoTags: ['alpine:3', 'alpine:latest'], Layers: ['aaa/layer.tar', 'bbb/layer.tar'] },
          { Config: 'two.json', RepoTags: ['localhost:5000/a/b:1'], Layers: ['ccc/layer.tar', 'hard'] },
        ),
      ],
      [
        { name: 'bbb/layer.tar', type: 'symlink', linkname: `../${digests[1]?.slice(7)}.tar` },
        { name: 'ccc/layer.tar', type: 'symlink', linkname: '../aaa/layer.tar' },
        { name: 'hard', type: 'link', linkname: 'bbb/layer.tar' },
      ],
    )
    expect(await imagesIn(path)).toEqual({
      'library/alpine:3': digests,
      'library/alpine:latest': digests,
      'a/b:1': digests,
    })
  })

  it('without a name is the tag latest', async () => {
    const files = OLD.map(([name, bytes]): [string, Buffer] =>
      name === 'manifest.json'
        ? saved({ Config: `${hex(config)}.json`, RepoTags: null, Layers: ['aaa/layer.tar', 'bbb/layer.tar'] })
        : [name, bytes],
    )
    expect(await imagesIn(await archive(files))).toEqual({ 'saved:latest': digests })
  })

  it('may have compressed layers, which keep their bytes', async () => {
    const [first, second] = [gzipSync(layers[0] ?? ''), zstdCompressSync(layers[1] ?? Buffer.alloc(0))]
    const path = await archive([
      ['config', config],
      ['one.tar.gz', first],
      ['two', second],
      saved({ Config: 'config', RepoTags: ['a:1'], Layers: ['one.tar.gz', 'two'] }),
    ])
    expect(await imagesIn(path)).toEqual({ 'library/a:1': [computeDigest(first), computeDigest(second)] })
    const { blobs } = contentsOf(await openLayout(path).repository('library/a').readManifest('1', context))
    expect(blobs.map(({ mediaType }) => mediaType.split('.').at(-1))).toEqual(['v1+json', 'tar+gzip', 'tar+zstd'])
  })

  it('is read as the layout that newer versions put beside it, unless that names nothing', async () => {
    const artifact = image()
    const name = { 'io.containerd.image.name': 'docker.io/library/new:1', 'org.opencontainers.image.ref.name': '1' }
    const both = [...layoutFiles([entry(artifact.descriptor, name)], [artifact]), ...OLD]
    expect(Object.keys(await imagesIn(await archive(both)))).toEqual(['library/new:1'])
    expect(await imagesIn(await archive([...layoutFiles(null), ...OLD]))).toEqual({ 'team/app:1.0': digests })
  })

  it('of a version before 1.10 has a config made of its chain of layers', async () => {
    const v1 = (extra: object): Buffer => Buffer.from(JSON.stringify({ created: '2015-01-01T00:00:00Z', ...extra }))
    const top = { id: 'bbb', parent: 'aaa', os: 'linux', architecture: 'arm64', config: { Cmd: ['sh'] } }
    const files: [string, Buffer][] = [
      ['aaa/json', v1({ id: 'aaa', container_config: { Cmd: ['/bin/sh', '-c', 'true'] } })],
      ['aaa/layer.tar', layers[0] ?? Buffer.alloc(0)],
      ['bbb/json', v1(top)],
      ['bbb/layer.tar', layers[1] ?? Buffer.alloc(0)],
      ['repositories', Buffer.from('{"old":{"1":"bbb","latest":"bbb"}}')],
    ]
    const path = await archive(files)
    expect(await imagesIn(path)).toEqual({ 'library/old:1': digests, 'library/old:latest': digests })
    const store = openLayout(path).repository('library/old')
    const { config: named } = contentsOf(await store.readManifest('1', context))
    expect(JSON.parse((named && (await read(store, named)).toString()) ?? '')).toEqual({
      architecture: 'arm64',
      os: 'linux',
      created: '2015-01-01T00:00:00Z',
      config: { Cmd: ['sh'] },
      history: [
        { created: '2015-01-01T00:00:00Z', created_by: '/bin/sh -c true' },
        { created: '2015-01-01T00:00:00Z', created_by: '' },
      ],
      rootfs: { type: 'layers', diff_ids: digests },
    })
    const endless = await archive([...files.slice(1), ['aaa/json', v1({ parent: 'bbb' })]])
    await expect(openLayout(endless).repository('library/old').resolve('1', context)).rejects.toThrow(/without an end/)
  })

  it('is never written into', async () => {
    const layout = openLayout(await archive(OLD))
    await expect(push(layout.repository('a'), image(), '1')).rejects.toThrow(
      /made by `docker save`: it can be read, not/,
    )
    expect((await layout.writeRules('a', context)).refused?.reason).toContain('it can be read, not written')
  })
})

describe('an archive of a stranger', () => {
  const image1 = { Config: 'c', RepoTags: ['a:1'], Layers: ['x', 'y'] }
  const files: [string, Buffer][] = [
    ['c', config],
    ['x', layers[0] ?? Buffer.alloc(0)],
  ]
  const link = (linkname: string): TarMember => ({ name: 'y', type: 'symlink', linkname })

  it.each<[string, [string, Buffer][], TarMember[], RegExp]>([
    ['lacks a layer', [...files, saved(image1)], [], /saved.tar lacks "y", which it names/],
    ['links out of it', [...files, saved(image1)], [link('/etc/passwd')], /lacks "y"/],
    ['links above it', [...files, saved(image1)], [link('../../../etc/passwd')], /lacks "y"/],
    ['links in a circle', [...files, saved(image1)], [link('z'), { ...link('y'), name: 'z' }], /lacks "y"/],
    ['has a device for a layer', [...files, saved(image1)], [{ name: 'y', type: 'fifo' }], /lacks "y"/],
    [
      'has a layer twice',
      [...files, ['y', Buffer.from('1')], ['y', Buffer.from('2')], saved(image1)],
      [],
      /has y twice/,
    ],
    [
      'names too few layers',
      [...files, saved({ ...image1, Layers: ['x'] })],
      [],
      /has 2 layers, and manifest.json names 1/,
    ],
    ['has a config that is none', [['c', Buffer.from('x')], saved(image1)], [], /c in .* is malformed: not JSON/],
    ['has a wrong manifest.json', [['manifest.json', Buffer.from('{}')]], [], /manifest.json in .* is malformed/],
    [
      'has a wrong diff ID',
      [['c', Buffer.from('{"rootfs":{"diff_ids":["sha256:../../x","y"]}}')], ...files.slice(1), saved(image1)],
      [],
      /malformed diff ID/,
    ],
  ])('that %s is refused', async (_, members, more, message) => {
    const layout = openLayout(await archive(members, more))
    await expect(layout.repository('library/a').readManifest('1', context)).rejects.toThrow(message)
    await layout.close()
  })

  it('whose layer is not what its config says is noticed by whoever reads it', async () => {
    const path = await archive([
      ['c', config],
      ['x', layers[0] ?? Buffer.alloc(0)],
      ['y', Buffer.alloc(3000)],
      saved(image1),
    ])
    const store = openLayout(path).repository('library/a')
    const { blobs } = contentsOf(await store.readManifest('1', context))
    const to = openLayout(join(temporaryDirectory(), 'to')).repository('a')
    const copy = (at: number) => {
      const blob = blobs[at] ?? blobs[0]
      return blob && to.writeBlob(blob, (offset) => store.readBlob(blob, offset, context), context)
    }
    await copy(1)
    await expect(copy(2)).rejects.toMatchObject({ code: 'integrity' })
  })

  it('that is cut off is refused', async () => {
    const bytes = await tarOf(OLD)
    const layout = openLayout(inFile(bytes.subarray(0, 2500)))
    await expect(collect(layout.repositories({ namespaces: [], names: [] }, context))).rejects.toThrow(/is cut off/)
  })
})

describe('archives of other tools', () => {
  const [skopeo, crane] = ['skopeo', 'crane'].map(pathOfTool)

  test.runIf(skopeo)('skopeo', async () => {
    const directory = temporaryDirectory()
    // It looks into layers.
    const real = image({ layers: 0, base: [await tarOf([['hello', Buffer.from('hello')]])] })
    await push(openLayout(join(directory, 'in')).repository('team/app'), real, '1')
    const to = `docker-archive:${directory}/out.tar:registry.example.com/team/app:1`
    execFileSync(skopeo ?? '', ['copy', '--insecure-policy', `oci:${directory}/in:1`, to], { stdio: 'pipe' })
    const found = await imagesIn(join(directory, 'out.tar'))
    expect(Object.keys(found)).toEqual(['team/app:1'])
    expect(found['team/app:1']).toHaveLength(1)
  })

  test.runIf(crane)('crane, with several images', async () => {
    const registry = await startMemoryRegistry()
    onTestFinished(() => registry.close())
    for (const seed of [1, 2]) registry.add('team/app', image({ seed }), `v${seed}`)
    const directory = temporaryDirectory()
    const images = [1, 2].map((seed) => `${new URL(registry.url).host}/team/app:v${seed}`)
    await promisify(execFile)(crane ?? '', ['pull', ...images, join(directory, 'c.tar')])
    expect(Object.keys(await imagesIn(join(directory, 'c.tar'))).sort()).toEqual(['team/app:v1', 'team/app:v2'])
  })
})
