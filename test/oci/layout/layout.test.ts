/** OCI layouts in directories: written, read back, and as other tools write them. */

import { execFile, execFileSync, spawnSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { ReplicateError } from '../../../src/core/errors.ts'
import type { Event } from '../../../src/core/events.ts'
import { OCI_MANIFEST } from '../../../src/core/manifest.ts'
import { temporaryName } from '../../../src/oci/layout/temporary.ts'
import { cosignSignature, fallbackTag, image, index, named, referrer, syntheticBlob } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { chunksOf, collect, context, entry, finish, layoutFiles, openLayout, push, read, unpack } from './support.ts'

const REF = 'org.opencontainers.image.ref.name'
const IMAGE = 'io.containerd.image.name'

function manifestsIn(directory: string): { digest: string; annotations?: Record<string, string> }[] {
  return JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')).manifests
}

/** Whatever is neither the layout's own nor a blob named by its digest. */
function strayFiles(directory: string): string[] {
  const blobs = readdirSync(join(directory, 'blobs', 'sha256')).filter((name) => !/^[a-f0-9]{64}$/.test(name))
  return [...blobs, ...readdirSync(directory).filter((name) => !['blobs', 'index.json', 'oci-layout'].includes(name))]
}

describe('a directory that is written', () => {
  it('gives back what was put in, byte for byte, by tag and by digest', async () => {
    const path = join(temporaryDirectory(), 'new')
    const artifact = index([image({ seed: 1 }), image({ seed: 2 })])
    await push(openLayout(path).repository('library/app'), artifact, '1.0')

    const store = openLayout(path).repository('library/app')
    expect(await store.resolve('1.0', context)).toEqual(artifact.descriptor)
    expect(await store.readManifest('1.0', context)).toMatchObject({ digest: artifact.digest, bytes: artifact.bytes })
    for (const child of artifact.children) {
      expect((await store.resolve(child.digest, context))?.mediaType).toBe(OCI_MANIFEST)
      for (const [digest, bytes] of child.blobs) {
        const blob = { mediaType: '', digest, size: bytes.byteLength }
        expect(await store.hasBlob(blob, context)).toBe(true)
        expect(await read(store, blob)).toEqual(bytes)
        expect(await read(store, blob, 7)).toEqual(bytes.subarray(7))
      }
    }
    expect(strayFiles(path)).toEqual([])
  })

  it('gives the child of an index that only another repository lists', async () => {
    const path = temporaryDirectory()
    const [amd, arm] = [image({ seed: 1 }), image({ seed: 2 })]
    await push(openLayout(path).repository('a'), index([amd, arm]), '1')
    await push(openLayout(path).repository('b'), arm, 'arm')
    const store = openLayout(path).repository('a')
    expect((await store.readManifest(arm.digest, context)).bytes).toEqual(arm.bytes)
    // As an artifact of its own it is not there: written to it, it is listed.
    expect(await store.resolve(arm.digest, context)).toBeUndefined()
  })

  it('holds many repositories, and lists their tags with digests without reading a manifest', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    const [one, two] = [image({ seed: 1 }), image({ seed: 2 })]
    await push(layout.repository('a'), one, '1')
    await push(layout.repository('a'), one, 'latest')
    await push(layout.repository('b/c'), two, '1')
    await push(layout.repository('docker.io/d'), two, '1')
    rmSync(join(path, 'blobs'), { recursive: true })

    const again = openLayout(path)
    expect(await collect(again.repositories({ namespaces: [], names: [] }, context))).toEqual([
      'a',
      'b/c',
      'docker.io/d',
    ])
    expect(await collect(again.repository('a').tags(context))).toEqual(['1', 'latest'])
    expect(await collect(again.listTags('b/c', context))).toEqual([
      { tag: '1', digest: two.digest, mediaType: two.mediaType, ref: 'b-c-1' },
    ])
    expect(manifestsIn(path)[0]?.annotations).toEqual({ [REF]: 'a-1', [IMAGE]: 'a:1' })
  })

  it('adds no entry for the children of an index, and keeps an untagged manifest in its repository', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    const untagged = image({ seed: 9 })
    await push(layout.repository('a'), index([image({ seed: 1 }), image({ seed: 2 })]), '1')
    await push(layout.repository('b'), untagged)
    expect(manifestsIn(path)).toHaveLength(2)
    expect(await collect(layout.listTags('b', context))).toMatchObject([{ digest: untagged.digest }])
    expect(await layout.repository('b').resolve(untagged.digest, context)).toEqual({
      ...untagged.descriptor,
      platform: undefined,
    })
    expect(await layout.repository('a').resolve(untagged.digest, context)).toBeUndefined()
  })

  it('moves a tag in place, and writes nothing where nothing changes', async () => {
    const path = temporaryDirectory()
    const store = openLayout(path).repository('a')
    await push(store, image({ seed: 1 }), '1')
    await push(store, image({ seed: 2 }), '2')
    await push(store, image({ seed: 3 }), '1')
    expect(manifestsIn(path).map(({ digest }) => digest)).toEqual([
      image({ seed: 3 }).digest,
      image({ seed: 2 }).digest,
    ])
    const before = statSync(join(path, 'index.json'), { bigint: true })
    await push(openLayout(path).repository('a'), image({ seed: 3 }), '1')
    expect(statSync(join(path, 'index.json'), { bigint: true })).toMatchObject({
      ino: before.ino,
      mtimeNs: before.mtimeNs,
    })
  })

  it('finds referrers by subject, by the fallback tag and by cosign’s tags, each once', async () => {
    const path = temporaryDirectory()
    const store = openLayout(path).repository('a')
    const artifact = image()
    const sbom = referrer(artifact.descriptor, { artifactType: 'application/x-sbom', annotations: { k: 'v' } })
    const second = referrer(artifact.descriptor, { content: 'another' })
    const { tag, artifact: signature } = cosignSignature(artifact.descriptor)
    await push(store, artifact, '1')
    await push(store, sbom)
    await push(store, second)
    await push(store, signature, tag)

    const found = await collect(openLayout(path).repository('a').referrers(artifact.descriptor, context))
    expect(found).toHaveLength(3)
    expect(found).toContainEqual({
      mediaType: OCI_MANIFEST,
      digest: sbom.digest,
      size: sbom.bytes.byteLength,
      artifactType: 'application/x-sbom',
      annotations: { k: 'v' },
    })
    expect(found).toContainEqual({
      mediaType: OCI_MANIFEST,
      digest: signature.digest,
      size: signature.bytes.byteLength,
      tag,
    })
    // The index other tools look for names both.
    const fallback = JSON.parse(
      Buffer.from((await store.readManifest(fallbackTag(artifact.digest), context)).bytes).toString(),
    )
    expect(fallback.manifests.map(({ digest }: { digest: string }) => digest).sort()).toEqual(
      [sbom.digest, second.digest].sort(),
    )

    await store.deleteManifest(sbom.digest, context)
    await store.deleteManifest(second.digest, context)
    expect(await collect(store.tags(context))).toEqual(['1', tag])
  })

  it('deletes tags and manifests of one repository only, again without complaint', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    for (const name of ['a', 'b']) for (const tag of ['1', '2']) await push(layout.repository(name), image(), tag)
    await layout.repository('a').deleteTag('1', context)
    await layout.repository('a').deleteTag('1', context)
    expect(await collect(layout.repository('a').tags(context))).toEqual(['2'])
    await layout.repository('a').deleteManifest(image().digest, context)
    await expect(collect(layout.repository('a').tags(context))).rejects.toMatchObject({ missing: true })
    expect(await collect(layout.repository('b').tags(context))).toEqual(['1', '2'])
  })

  it('refuses wrong content and keeps nothing of it', async () => {
    const path = temporaryDirectory()
    const store = openLayout(path).repository('a')
    const bytes = Buffer.from('what was promised')
    const other = Buffer.from('what was received')
    const blob = named(bytes)
    for (const [sent, message] of [
      [[other], /expected sha256:.* are sha256:/],
      [[bytes.subarray(0, 5)], /ended at 5 of the 17 bytes/],
      [[bytes, other], /longer than the 17 bytes/],
    ] as const) {
      const write = store.writeBlob(blob, async () => chunksOf(...sent), context)
      await expect(write).rejects.toThrow(message)
      await expect(write).rejects.toMatchObject({ code: 'integrity' })
      expect(await store.hasBlob(blob, context)).toBe(false)
    }
    const wrong = { ...image(), digest: image({ seed: 2 }).digest }
    await expect(store.writeManifest(wrong, '1', context)).rejects.toMatchObject({ code: 'integrity' })
    await expect(store.writeManifest(image(), wrong.digest, context)).rejects.toMatchObject({ code: 'integrity' })
    expect(strayFiles(path)).toEqual([])
  })

  it('keeps nothing of a blob whose source fails or that is stopped', async () => {
    const path = temporaryDirectory()
    const store = openLayout(path).repository('a')
    const blob = syntheticBlob(300_000)
    const stop = new AbortController()
    const descriptor = { mediaType: '', digest: blob.digest, size: blob.size }
    const failing = async function* (then: () => void) {
      yield* chunksOf(Buffer.alloc(1000))
      then()
      yield* chunksOf(Buffer.alloc(1000))
    }
    const reset = (): never => {
      throw new Error('reset')
    }
    await expect(store.writeBlob(descriptor, async () => failing(reset), context)).rejects.toThrow('reset')
    await expect(
      store.writeBlob(descriptor, async () => failing(() => stop.abort()), { ...context, signal: stop.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' })
    expect(strayFiles(path)).toEqual([])
    await store.writeBlob(descriptor, async (offset) => blob.open(offset), context)
    expect(await store.hasBlob(descriptor, context)).toBe(true)
  })

  it('shows no blob after its process was killed in the middle of one', async () => {
    const path = temporaryDirectory()
    const blob = named(Buffer.alloc(2_000_000))
    const program = `
      import { openLayout } from ${JSON.stringify(join(import.meta.dirname, 'support.ts'))}
      async function* half() { yield Buffer.alloc(1_000_000); process.kill(process.pid, 'SIGKILL'); yield Buffer.alloc(1_000_000) }
      const context = { signal: new AbortController().signal, emit() {} }
      await openLayout(${JSON.stringify(path)}).repository('a').writeBlob(${JSON.stringify(blob)}, async () => half(), context)`
    const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(signal, stderr).toBe('SIGKILL')
    expect(readdirSync(join(path, 'blobs', 'sha256'))).toEqual([])
    await push(openLayout(path).repository('a'), image(), '1')
    expect(await collect(openLayout(path).repository('a').tags(context))).toEqual(['1'])
  })

  it('loses no tag of writers that work at once', async () => {
    const path = temporaryDirectory()
    const writers = [openLayout(path), openLayout(path)]
    const artifact = image()
    await Promise.all(
      Array.from({ length: 200 }, (_, at) => push(writers[at % 2]?.repository('a') ?? never(), artifact, `t${at}`)),
    )
    expect(await collect(openLayout(path).repository('a').tags(context))).toHaveLength(200)
    expect(strayFiles(path)).toEqual([])
  })

  it('loses no tag of processes that work at once', async () => {
    const path = temporaryDirectory()
    const program = (name: string): string => `
      import { openLayout, push, context } from ${JSON.stringify(join(import.meta.dirname, 'support.ts'))}
      import { image } from ${JSON.stringify(join(import.meta.dirname, '..', '..', 'support', 'images.ts'))}
      const store = openLayout(${JSON.stringify(path)}).repository('a')
      for (let at = 0; at < 20; at += 1) await push(store, image({ seed: at }), '${name}' + at)`
    const run = promisify(execFile)
    await Promise.all(
      ['x', 'y', 'z'].map((name) => run(process.execPath, ['--input-type=module', '-e', program(name)])),
    )
    expect(await collect(openLayout(path).repository('a').tags(context))).toHaveLength(60)
    expect(strayFiles(path)).toEqual([])
  })

  it('keeps entries and keys that it does not know', async () => {
    const foreign = { mediaType: 'application/xml', digest: 'sha256:0', size: 1, other: true }
    const path = unpack(temporaryDirectory(), layoutFiles([foreign, null, entry(image().descriptor, { [REF]: 'old' })]))
    await push(openLayout(path).repository('a'), image(), '1')
    expect(JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'))).toMatchObject({ 'x-kept': { by: 'us' } })
    expect(manifestsIn(path).slice(0, 2)).toEqual([foreign, null])
    expect(manifestsIn(path)).toHaveLength(4)
  })

  it('resumes a large blob where it stopped, after it has checked what is there', async () => {
    const path = temporaryDirectory()
    const bytes = randomBytes(3_000_000, 'resumed')
    const blob = named(bytes)
    const partial = (): string[] => readdirSync(path).filter((name) => name.endsWith('.partial'))
    const opened: number[] = []
    async function* until(offset: number, end: number): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(offset, end)
      if (end < bytes.length) throw new Error('reset')
    }
    const write = (end: number): Promise<void> =>
      openLayout(path)
        .repository('a')
        .writeBlob(
          blob,
          async (offset) => {
            opened.push(offset)
            return until(offset, end)
          },
          context,
        )
    await expect(write(1_200_000)).rejects.toThrow('reset')
    await expect(write(2_000_000)).rejects.toThrow('reset')
    await write(bytes.length)
    expect(opened).toEqual([0, 1_200_000, 2_000_000])
    expect(await read(openLayout(path).repository('a'), blob)).toEqual(bytes)
    expect(strayFiles(path)).toEqual([])

    // What is there may be damaged: then all of it is sent again.
    rmSync(join(path, 'blobs', blob.digest.replace(':', '/')))
    opened.length = 0
    await expect(write(1_200_000)).rejects.toThrow('reset')
    const [name = ''] = partial()
    writeFileSync(join(path, name), Buffer.alloc(1_200_000))
    await write(bytes.length)
    expect(opened).toEqual([0, 1_200_000, 0])
    expect(await read(openLayout(path).repository('a'), blob)).toEqual(bytes)
  })

  it('never resumes through a link', async () => {
    const path = temporaryDirectory()
    const outside = join(temporaryDirectory(), 'thesis')
    const bytes = Buffer.alloc(2_000_000, 7)
    const blob = named(bytes)
    const hex = blob.digest.slice('sha256:'.length)
    for (const link of [symlinkSync, linkSync]) {
      writeFileSync(outside, 'years of work')
      link(outside, join(path, `.replicate-sha256-${hex}.partial`))
      await openLayout(path)
        .repository('a')
        .writeBlob(blob, async (offset) => chunksOf(bytes.subarray(offset)), context)
      expect(readFileSync(outside, 'utf8')).toBe('years of work')
      rmSync(join(path, 'blobs', blob.digest.replace(':', '/')))
    }
  })

  it('removes what killed runs have left once everything is written', async () => {
    const path = temporaryDirectory()
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    await push(openLayout(path).repository('a'), image(), '1')
    writeFileSync(join(path, `.replicate-sha256-${'0'.repeat(64)}.partial`), 'of another run')
    writeFileSync(join(path, temporaryName().replace(`-${process.pid}-`, `-${gone}-`)), 'of a killed process')
    const mine = temporaryName()
    writeFileSync(join(path, mine), 'of this process')
    const layout = openLayout(path)
    await push(layout.repository('a'), image(), '1')
    await finish(layout)
    expect(strayFiles(path)).toEqual([mine])
  })

  it('makes nothing in a directory that its own is a link to', async () => {
    const [path, outside] = [temporaryDirectory(), temporaryDirectory()]
    unpack(path, layoutFiles([]))
    rmSync(join(path, 'blobs'), { recursive: true, force: true })
    symlinkSync(outside, join(path, 'blobs'))
    await expect(push(openLayout(path).repository('a'), image(), '1')).rejects.toMatchObject({ code: 'integrity' })
    expect(readdirSync(outside)).toEqual([])
  })

  it('says once that other tools do not find images in Docker’s format', async () => {
    const layout = openLayout(temporaryDirectory())
    const said: Event[] = []
    const loud = { ...context, emit: (event: Event) => void said.push(event) }
    for (const tag of ['1', '2']) {
      const docker = image({ seed: tag, docker: true })
      await push(layout.repository('a'), docker)
      await layout.repository('a').writeManifest(docker, tag, loud)
    }
    expect(said).toMatchObject([{ type: 'log', level: 'warning', text: expect.stringContaining('skopeo and podman') }])
  })

  it('mounts what any repository of the layout holds', async () => {
    const layout = openLayout(temporaryDirectory())
    await push(layout.repository('a'), image(), '1')
    const [[digest, bytes] = never()] = image().blobs
    const blob = { mediaType: '', digest, size: bytes.byteLength }
    expect(await layout.repository('b').mountBlob(blob, 'a', context)).toBe(true)
    expect(await layout.repository('b').mountBlob(named(Buffer.from('no')), 'a', context)).toBe(false)
  })
})

describe('a directory that others wrote', () => {
  it.each([
    ['a plain tag', { [REF]: '3.20' }, 'base'],
    ['containerd’s name', { [REF]: '3.20', [IMAGE]: 'docker.io/library/alpine:3.20' }, 'library/alpine'],
    ['a full reference', { [REF]: 'localhost:5000/team/app:3.20' }, 'team/app'],
    ['a name and tag', { [REF]: 'alpine:3.20' }, 'alpine'],
  ])('is read by %s', async (_, annotations, repository) => {
    const path = join(temporaryDirectory(), 'Base')
    unpack(path, layoutFiles([entry(image().descriptor, annotations)], [image()]))
    const layout = openLayout(path)
    expect(await collect(layout.repositories({ namespaces: [], names: [] }, context))).toEqual([repository])
    expect(await collect(layout.repository(repository).tags(context))).toEqual(['3.20'])
    expect((await layout.repository(repository).readManifest('3.20', context)).digest).toBe(image().digest)
    if (repository === 'base') expect(await collect(layout.repository('').tags(context))).toEqual(['3.20'])
  })

  it('may list referrers without a name, which are found and make no repository', async () => {
    const sbom = referrer(image().descriptor)
    const named = entry(image().descriptor, { [REF]: '1', [IMAGE]: 'docker.io/team/app:1' })
    const files = layoutFiles([named, entry(sbom.descriptor)], [image(), sbom])
    const layout = openLayout(unpack(temporaryDirectory(), files))
    expect(await collect(layout.repositories({ namespaces: [], names: [] }, context))).toEqual(['team/app'])
    const found = await collect(layout.repository('team/app').referrers(image().descriptor, context))
    expect(found).toMatchObject([{ digest: sbom.digest }])
    expect((await layout.repository('team/app').resolve(sbom.digest, context))?.digest).toBe(sbom.digest)
  })

  it('may hold one image without a name, which is then `latest`, whatever refers to it', async () => {
    const sbom = referrer(image().descriptor)
    const path = join(temporaryDirectory(), 'pulled')
    unpack(path, layoutFiles([entry(sbom.descriptor), entry(image().descriptor)], [image(), sbom]))
    const layout = openLayout(path)
    expect(await collect(layout.listTags('pulled', context))).toMatchObject([
      { tag: 'latest', digest: image().digest },
      { digest: sbom.digest },
    ])
    expect(await collect(layout.repository('').tags(context))).toEqual(['latest'])
    expect((await layout.repository('').readManifest('latest', context)).digest).toBe(image().digest)
    expect(await layout.repository('').resolve('1', context)).toBeUndefined()
  })

  it('gives no name to one of several images without one', async () => {
    const files = layoutFiles(
      [entry(image().descriptor), entry(image({ seed: 2 }).descriptor)],
      [image(), image({ seed: 2 })],
    )
    const layout = openLayout(unpack(join(temporaryDirectory(), 'two'), files))
    expect(await collect(layout.repository('').tags(context))).toEqual([])
    expect(await layout.repository('').resolve('latest', context)).toBeUndefined()
  })

  it('may list referrers as olareg does', async () => {
    const sbom = referrer(image().descriptor)
    const list = index([sbom])
    const note = { 'org.olareg.referrer.subject': image().digest }
    const files = layoutFiles(
      [entry(image().descriptor, { [REF]: '1' }), entry(list.descriptor, note)],
      [image(), list],
    )
    const layout = openLayout(unpack(join(temporaryDirectory(), 'app'), files))
    const found = await collect(layout.repository('app').referrers(image().descriptor, context))
    expect(found).toMatchObject([{ digest: sbom.digest }])
    // The list is not an artifact that anyone pushed.
    expect(await collect(layout.listTags('app', context))).toMatchObject([{ tag: '1' }])
  })

  it('is refused where its index nests too deeply to be written again', async () => {
    const path = unpack(temporaryDirectory(), layoutFiles([]))
    writeFileSync(join(path, 'index.json'), `{"manifests":[{"x":${'['.repeat(9000)}${']'.repeat(9000)}}]}`)
    await expect(openLayout(path).ping(context)).rejects.toMatchObject({ code: 'integrity' })
  })

  it.runIf(process.platform === 'linux')('is refused where a file is a device, a pipe, or far too large', async () => {
    const place = (name: string): string => {
      const path = unpack(temporaryDirectory(), layoutFiles([entry(image().descriptor, { [REF]: 'a:1' })], [image()]))
      rmSync(join(path, name))
      return path
    }
    const made: ((file: string) => void)[] = [
      (file) => symlinkSync('/dev/zero', file),
      (file) => execFileSync('mkfifo', [file]),
      (file) => {
        writeFileSync(file, '')
        truncateSync(file, 2 ** 40)
      },
    ]
    for (const make of made) {
      for (const name of ['index.json', `blobs/${image().digest.replace(':', '/')}`]) {
        const path = place(name)
        make(join(path, name))
        await expect(openLayout(path).repository('a').readManifest('1', context), name).rejects.toBeInstanceOf(
          ReplicateError,
        )
      }
    }
  })

  it('may have no entries, null for entries, or only unknown ones', async () => {
    for (const manifests of [undefined, null, [], [{ mediaType: 'application/xml', digest: 'sha256:1', size: 1 }]]) {
      const layout = openLayout(unpack(temporaryDirectory(), layoutFiles(manifests)))
      await layout.ping(context)
      expect(await collect(layout.repositories({ namespaces: [], names: [] }, context))).toEqual([])
      expect(await layout.repository('a').resolve('1', context)).toBeUndefined()
      await expect(collect(layout.repository('a').tags(context))).rejects.toMatchObject({
        missing: true,
      })
    }
  })

  it('may hold a layout of several repositories below it, which keep their names', async () => {
    const path = temporaryDirectory()
    const inner = openLayout(join(path, 'images'))
    await push(inner.repository('team/one'), image({ seed: 1 }), '1')
    await push(inner.repository('team/two'), image({ seed: 2 }), '1')
    const layout = openLayout(path)
    expect(await collect(layout.repositories({ namespaces: [], names: [] }, context))).toEqual([
      'images/team/one',
      'images/team/two',
    ])
    expect((await layout.repository('images/team/two').readManifest('1', context)).digest).toBe(
      image({ seed: 2 }).digest,
    )
    await push(layout.repository('images/team/three'), image({ seed: 3 }), '1')
    expect(
      await collect(openLayout(join(path, 'images')).repositories({ namespaces: [], names: [] }, context)),
    ).toEqual(['team/one', 'team/three', 'team/two'])
  })

  it('may hold one layout for each repository below it, and gets more of them', async () => {
    const path = temporaryDirectory()
    unpack(join(path, 'library', 'a'), layoutFiles([entry(image().descriptor, { [REF]: '1' })], [image()]))
    const layout = openLayout(path)
    await layout.ping(context)
    await push(layout.repository('b'), image({ seed: 2 }), '2')
    expect(await collect(layout.repositories({ namespaces: [], names: [] }, context))).toEqual(['b', 'library/a'])
    expect(await collect(layout.listTags('library/a', context))).toMatchObject([{ tag: '1', digest: image().digest }])
    expect((await layout.repository('b').resolve('2', context))?.digest).toBe(image({ seed: 2 }).digest)
  })

  it('is refused where a tag names two manifests, until the tag is written anew', async () => {
    const [one, two] = [image({ seed: 1 }), image({ seed: 2 })]
    const twice = [one, two].map(({ descriptor }) => entry(descriptor, { [REF]: '1', [IMAGE]: 'a:1' }))
    const layout = openLayout(unpack(temporaryDirectory(), layoutFiles(twice, [one, two])))
    await expect(layout.repository('a').readManifest('1', context)).rejects.toThrow(
      `index.json is ambiguous: a:1 names both ${one.digest} and ${two.digest}`,
    )
    // The others can still be listed.
    expect(await collect(layout.listTags('a', context))).toEqual(['1'])
    await push(layout.repository('a'), two, '1')
    expect((await layout.repository('a').resolve('1', context))?.digest).toBe(two.digest)
  })

  it('says which manifest or blob is missing or has the wrong size', async () => {
    const artifact = image()
    const path = unpack(temporaryDirectory(), layoutFiles([entry(artifact.descriptor, { [REF]: 'a:1' })], [artifact]))
    const store = openLayout(path).repository('a')
    const [[digest, bytes] = never()] = artifact.blobs
    const file = join(path, 'blobs', digest.replace(':', '/'))
    const blob = { mediaType: '', digest, size: bytes.byteLength }
    writeFileSync(file, 'short')
    expect(await store.hasBlob(blob, context)).toBe(false)
    await expect(store.readBlob(blob, 0, context)).rejects.toMatchObject({ code: 'integrity' })
    rmSync(file)
    await expect(store.readBlob(blob, 0, context)).rejects.toMatchObject({
      missing: true,
      message: expect.stringContaining(digest),
    })
    const manifest = join(path, 'blobs', artifact.digest.replace(':', '/'))
    writeFileSync(manifest, Buffer.from(artifact.bytes).fill(32, 0, 1))
    await expect(store.readManifest('1', context)).rejects.toThrow(/manifest .* its digest/)
    rmSync(manifest)
    expect(await store.resolve('1', context)).toBeUndefined()
    await expect(store.readManifest('1', context)).rejects.toMatchObject({
      missing: true,
      message: expect.stringContaining(artifact.digest),
    })
  })

  it('cannot lead out of itself by a digest or a link', async () => {
    const outside = temporaryDirectory()
    const evil = { mediaType: OCI_MANIFEST, digest: 'sha256:../../etc/passwd', size: 10 }
    const path = unpack(temporaryDirectory(), layoutFiles([entry(evil as never, { [REF]: 'a:1' })]))
    const store = openLayout(path).repository('a')
    await expect(store.resolve('1', context)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(store.readBlob({ ...evil, digest: evil.digest as Digest }, 0, context)).rejects.toMatchObject({
      code: 'unsupported',
    })

    const secret = named(Buffer.from('secret'))
    const hex = secret.digest.slice(7)
    writeFileSync(join(outside, hex), 'secret')
    mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true })
    symlinkSync(join(outside, hex), join(path, 'blobs', 'sha256', hex))
    await expect(openLayout(path).repository('a').readBlob(secret, 0, context)).rejects.toMatchObject({ missing: true })
    rmSync(join(path, 'blobs', 'sha256'), { recursive: true })
    symlinkSync(outside, join(path, 'blobs', 'sha256'))
    await expect(openLayout(path).repository('a').readBlob(secret, 0, context)).rejects.toThrow(
      /leads out of the layout/,
    )
    rmSync(join(path, 'index.json'))
    symlinkSync('/etc/passwd', join(path, 'index.json'))
    await expect(openLayout(path).repository('a').resolve('1', context)).rejects.toThrow(/symbolic link/)
  })
})

describe('a path that is no layout', () => {
  it('may be written to where it is absent or empty, and is a 404 to read', async () => {
    for (const path of [join(temporaryDirectory(), 'absent'), temporaryDirectory()]) {
      const layout = openLayout(path)
      await layout.ping(context)
      for (const list of [
        layout.repositories({ namespaces: [], names: [] }, context),
        layout.repository('a').tags(context),
      ]) {
        await expect(collect(list)).rejects.toMatchObject({
          missing: true,
          message: path.endsWith('absent')
            ? `${path} does not exist`
            : `${path} is not an OCI layout: no oci-layout file`,
        })
      }
      expect(await layout.repository('a').resolve('1', context)).toBeUndefined()
      await layout.repository('a').deleteTag('1', context)
      await push(layout.repository('a'), image(), '1')
      expect(await collect(layout.repository('a').tags(context))).toEqual(['1'])
    }
  })

  it('is never written into where it holds something else', async () => {
    const path = temporaryDirectory()
    writeFileSync(join(path, 'thesis.tex'), 'years of work')
    const layout = openLayout(path)
    await expect(layout.ping(context)).rejects.toMatchObject({
      code: 'configuration',
      hint: 'name an OCI layout, an empty directory, or one that does not exist yet',
    })
    await expect(push(layout.repository('a'), image(), '1')).rejects.toMatchObject({ code: 'configuration' })
    expect(readdirSync(path)).toEqual(['thesis.tex'])
  })

  it('is refused where it is of another version', async () => {
    const files = layoutFiles([])
    files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"2.0.0"}'))
    const path = unpack(temporaryDirectory(), files)
    await expect(openLayout(path).ping(context)).rejects.toThrow(/is of version 2.0.0/)
  })
})

function never(): never {
  throw new Error('unreachable')
}
