/** OCI layouts in tars: read as any tool may have written them, written whole and reproducibly. */

import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { limited } from '../../../src/oci/layout/tar/open.ts'
import { type Piece, writeTar } from '../../../src/oci/layout/tar/pack.ts'
import { image, index, named, referrer } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import {
  chunksOf,
  collect,
  context,
  entry,
  finish,
  layoutFiles,
  openLayout,
  push,
  read,
  type TarMember,
  tarOf,
  unpack,
} from './support.ts'

const artifact = index([image({ seed: 1 }), image({ seed: 2 })])
const annotations = { 'org.opencontainers.image.ref.name': '1.0', 'io.containerd.image.name': 'docker.io/a/b:1.0' }
const layout = layoutFiles([entry(artifact.descriptor, annotations)], [artifact])

function inFile(bytes: Buffer, name = 'images.tar'): string {
  const path = join(temporaryDirectory(), name)
  writeFileSync(path, bytes)
  return path
}

async function expectWhole(path: string): Promise<void> {
  const adapter = openLayout(path)
  await adapter.ping(context)
  expect(await collect(adapter.repositories({ namespaces: [], names: [] }, context))).toEqual(['a/b'])
  const store = adapter.repository('a/b')
  expect((await store.readManifest('1.0', context)).bytes).toEqual(artifact.bytes)
  for (const child of artifact.children) {
    expect((await store.readManifest(child.digest, context)).bytes).toEqual(child.bytes)
    for (const [digest, bytes] of child.blobs) {
      const blob = { mediaType: '', digest, size: bytes.byteLength }
      expect(await read(store, blob, 3)).toEqual(bytes.subarray(3))
    }
  }
  await adapter.close()
}

describe('a tar that is read', () => {
  it('may have its members in any order, below ./, with others among them', async () => {
    await expectWhole(inFile(await tarOf(layout)))
    await expectWhole(inFile(await tarOf([...layout].reverse())))
    const prefixed = [...layout].map(([name, bytes]): [string, Buffer] => [`./${name}`, bytes])
    const more: TarMember[] = [
      { name: './blobs/', type: 'directory' },
      { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
    ]
    await expectWhole(inFile(await tarOf([['manifest.json', Buffer.from('[]')], ...prefixed], more)))
  })

  it('may be compressed, whatever its name', async () => {
    const tar = await tarOf(layout)
    await expectWhole(inFile(gzipSync(tar), 'images.tar.gz'))
    await expectWhole(inFile(zstdCompressSync(tar), 'images.tar'))
    await expect(openLayout(inFile(gzipSync(tar).subarray(0, 500))).ping(context)).rejects.toMatchObject({
      code: 'integrity',
    })
  })

  it('is refused where it grows beyond all proportion while it is unpacked', async () => {
    const bomb = limited(1000, 'bomb.tar.gz')(chunksOf(...Array(11).fill(Buffer.alloc(100))))
    await expect(collect(bomb)).rejects.toThrow('bomb.tar.gz grows to more than 1000 bytes when it is decompressed')
  })

  it('may name long members in PAX or GNU headers', async () => {
    const sha512 = `blobs/sha512/${'ab'.repeat(64)}`
    const long = `${'very-long-directory-name/'.repeat(12)}file`
    await expectWhole(inFile(await tarOf([[long, Buffer.from('passed over')], [sha512, Buffer.from('x')], ...layout])))
  })

  it('may hold a member of more than 8 GiB', async () => {
    const size = 9 * 1024 ** 3
    const tar = pack()
    tar.entry({ name: 'huge', size })
    const header = await firstOf(tar as AsyncIterable<Buffer>)
    expect(header[124]).toBe(0x80)
    const path = inFile(header)
    truncateSync(path, header.length + size)
    appendFileSync(path, await tarOf(layout))
    await expectWhole(path)
  })

  it('is refused where a member leads out of it', async () => {
    for (const name of ['../evil', '/etc/passwd', 'blobs/../../evil', 'C:/evil', 'a\\b']) {
      const path = inFile(await tarOf([...layout, [name, Buffer.from('evil')]]))
      await expect(openLayout(path).ping(context), name).rejects.toThrow(/leads out of it/)
    }
  })

  it('does not follow a link that takes a blob’s name', async () => {
    const { digest } = named(Buffer.from('root:x'))
    const name = `blobs/${digest.replace(':', '/')}`
    const path = inFile(await tarOf(layout, [{ name, type: 'symlink', linkname: '/etc/passwd' }]))
    const blob = { mediaType: '', digest, size: 6 }
    expect(await openLayout(path).repository('a/b').hasBlob(blob, context)).toBe(false)
    await expect(openLayout(path).repository('a/b').readBlob(blob, 0, context)).rejects.toMatchObject({ missing: true })
  })

  it('may repeat a member, but not with other content', async () => {
    const first = [...layout][0] ?? never()
    await expectWhole(inFile(await tarOf([...layout, first])))
    const other = inFile(await tarOf([...layout, [first[0], Buffer.from('{"imageLayoutVersion":"1.0.1"}')]]))
    await expect(openLayout(other).ping(context)).rejects.toThrow(/oci-layout twice, with different content/)
  })

  it('is refused where it is cut off, damaged or no tar', async () => {
    const tar = await tarOf(layout)
    await expect(openLayout(inFile(tar.subarray(0, 700))).ping(context)).rejects.toThrow(/cut off/)
    await expect(openLayout(inFile(Buffer.alloc(2048, 'x'))).ping(context)).rejects.toThrow(/not a tar/)
    const huge = Buffer.from(tar.subarray(0, 512))
    huge.write('77777777777\0', 124)
    await expect(openLayout(inFile(huge)).ping(context)).rejects.toMatchObject({ code: 'integrity' })
    const plain = openLayout(inFile(await tarOf([['readme', Buffer.from('no layout')]])))
    await expect(collect(plain.repository('a').tags(context))).rejects.toMatchObject({ missing: true })
  })
})

describe('a tar that is written', () => {
  it('appears when it is closed, and gives everything back', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'sub', 'out.tar')
    const adapter = openLayout(path)
    await adapter.ping(context)
    const store = adapter.repository('a/b')
    await push(store, artifact, '1.0')
    const sbom = referrer(artifact.descriptor)
    await push(store, sbom)
    expect((await store.readManifest('1.0', context)).digest).toBe(artifact.digest)
    expect(readdirSync(join(directory, 'sub'))).not.toContain('out.tar')
    await finish(adapter)
    await finish(adapter)
    expect(readdirSync(join(directory, 'sub'))).toEqual(['out.tar'])
    await expectWhole(path)
    const found = openLayout(path).repository('a/b').referrers(artifact.descriptor, context)
    expect(await collect(found)).toMatchObject([{ digest: sbom.digest }])
  })

  it('is the same, byte for byte, in whatever order things arrive', async () => {
    const artifacts = [1, 2, 3].map((seed) => image({ seed }))
    const referrers = artifacts.flatMap(({ descriptor }) =>
      ['x', 'y'].map((content) => referrer(descriptor, { content })),
    )
    const tars: Buffer[] = []
    for (const order of [0, 1]) {
      const path = join(temporaryDirectory(), 'out.tar')
      const adapter = openLayout(path)
      const turn = <T>(list: readonly T[]): T[] => (order ? [...list].reverse() : [...list])
      for (const one of turn(artifacts)) await push(adapter.repository('a'), one, `v${artifacts.indexOf(one)}`)
      for (const one of turn(referrers)) await push(adapter.repository('a'), one)
      await finish(adapter)
      tars.push(readFileSync(path))
    }
    expect(tars[0]?.equals(tars[1] ?? never())).toBe(true)
  })

  it('keeps what it held, and what another writer put there meanwhile', async () => {
    const path = inFile(await tarOf(layout))
    const writers = [openLayout(path), openLayout(path)]
    await Promise.all(writers.map((writer, at) => push(writer.repository('c'), image({ seed: `c${at}` }), `${at}`)))
    await Promise.all(writers.map((writer) => finish(writer)))
    const adapter = openLayout(path)
    expect(await collect(adapter.repositories({ namespaces: [], names: [] }, context))).toEqual(['a/b', 'c'])
    expect((await collect(adapter.repository('c').tags(context))).sort()).toEqual(['0', '1'])
    expect((await adapter.repository('a/b').readManifest('1.0', context)).digest).toBe(artifact.digest)
  })

  it('leaves out the blobs of a copy that did not end, and is not made for them alone', async () => {
    const path = join(temporaryDirectory(), 'out.tar')
    const store = openLayout(path)
    const blob = named(Buffer.from('left over'))
    const write = (): Promise<void> =>
      store.repository('a').writeBlob(blob, async () => chunksOf(Buffer.from('left over')), context)
    await write()
    await finish(store)
    expect(readdirSync(join(path, '..'))).toEqual([])
    await write()
    await push(store.repository('a'), image(), '1')
    await finish(store)
    expect(await openLayout(path).repository('a').hasBlob(blob, context)).toBe(false)
    expect(await openLayout(path).repository('a').resolve('1', context)).toBeDefined()
  })

  it('resumes from a tar that a crash has left half-packed, wherever that ends', async () => {
    const packed = await tarOf([...layout].filter(([name]) => name.startsWith('blobs/')))
    for (let end = 0; end <= packed.length; end += 1024) {
      const path = join(temporaryDirectory(), 'out.tar')
      const staging = unpack(
        join(path, '..', '.out.tar.partial'),
        new Map([['oci-layout', layout.get('oci-layout') ?? never()]]),
      )
      writeFileSync(join(staging, 'packed.tar'), packed.subarray(0, end))
      const adapter = openLayout(path)
      await push(adapter.repository('a/b'), artifact, '1.0')
      await finish(adapter)
      expect(readdirSync(join(path, '..'))).toEqual(['out.tar'])
      await expectWhole(path)
    }
  })

  it('takes out of a half-packed tar what packing had moved into it', async () => {
    const path = join(temporaryDirectory(), 'out.tar')
    const staging = unpack(
      join(path, '..', '.out.tar.partial'),
      new Map([['oci-layout', layout.get('oci-layout') ?? never()]]),
    )
    writeFileSync(join(staging, 'packed.tar'), await tarOf([...layout].filter(([name]) => name.startsWith('blobs/'))))
    const store = openLayout(path).repository('a')
    for (const child of artifact.children) {
      for (const [digest, bytes] of child.blobs) {
        const blob = { mediaType: '', digest, size: bytes.byteLength }
        await store.writeBlob(blob, () => Promise.reject(new Error('sent again')), context)
        expect(await read(store, blob)).toEqual(bytes)
      }
    }
    expect(existsSync(join(staging, 'packed.tar'))).toBe(false)
  })

  it('is left alone by a second writer until that has finished, too', async () => {
    const path = join(temporaryDirectory(), 'out.tar')
    const [first, second] = [openLayout(path), openLayout(path)]
    await push(first.repository('a'), image({ seed: 1 }), '1')
    const [[digest, bytes] = never()] = image({ seed: 2 }).blobs
    await second
      .repository('a')
      .writeBlob({ mediaType: '', digest, size: bytes.byteLength }, async () => chunksOf(bytes), context)
    await finish(first)
    expect(readdirSync(join(path, '..')).sort()).toEqual(['.out.tar.partial', 'out.tar'])
    await push(second.repository('a'), image({ seed: 2 }), '2')
    await finish(second)
    expect(readdirSync(join(path, '..'))).toEqual(['out.tar'])
    expect((await collect(openLayout(path).repository('a').tags(context))).sort()).toEqual(['1', '2'])
  })

  it('tells each piece once it is on the disk, also one with a long name', async () => {
    const file = join(temporaryDirectory(), 'packed.tar')
    const handle = await open(file, 'w')
    const told: string[] = []
    async function* pieces(): AsyncIterable<Piece> {
      for (const name of ['short', `blobs/sha512/${'ab'.repeat(64)}`, 'last']) {
        const bytes = Buffer.alloc(700_000, name)
        yield { name, size: bytes.byteLength, bytes: [bytes] }
      }
    }
    await writeTar(handle, file, pieces(), async ({ name }) => {
      expect(statSync(file).size).toBeGreaterThan((told.length + 1) * 700_000)
      told.push(name)
    })
    await handle.close()
    expect(told).toHaveLength(3)
  })

  it('stops packing when it is told to, and packs it all the next time', async () => {
    const path = join(temporaryDirectory(), 'out.tar')
    const adapter = openLayout(path)
    await push(adapter.repository('a/b'), artifact, '1.0')
    const stop = { ...context, signal: AbortSignal.abort() }
    await expect(adapter.commit(false, stop)).rejects.toMatchObject({ code: 'cancelled' })
    expect(existsSync(path)).toBe(false)
    await finish(adapter)
    expect(readdirSync(join(path, '..'))).toEqual(['out.tar'])
    await expectWhole(path)
  })

  it('is refused where it would have to be compressed', async () => {
    const path = inFile(gzipSync(await tarOf(layout)), 'images.tar.gz')
    await expect(push(openLayout(path).repository('a'), image(), '1')).rejects.toMatchObject({
      code: 'unsupported',
      hint: expect.stringContaining('.tar'),
    })
  })

  it('is the same layout as a directory with the same content', async () => {
    const directory = unpack(temporaryDirectory(), layout)
    const [inDirectory, inTar] = [openLayout(directory), openLayout(inFile(await tarOf(layout)))]
    expect(await collect(inTar.listTags('a/b', context))).toEqual(await collect(inDirectory.listTags('a/b', context)))
  })
})

async function firstOf<T>(values: AsyncIterable<T>): Promise<T> {
  for await (const value of values) return value
  return never()
}

function never(): never {
  throw new Error('unreachable')
}
