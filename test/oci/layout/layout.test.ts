/** OCI layouts in directories: written and read back. */

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Event } from '../../../src/core/events.ts'
import { OCI_MANIFEST } from '../../../src/core/manifest.ts'
import { cosignSignature, fallbackTag, image, index, named, referrer } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { IMAGE, manifestsIn, never, REF, strayFiles } from './inside.ts'
import { collect, context, entry, layoutFiles, openLayout, push, read, unpack } from './support.ts'

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

  it('keeps entries and keys that it does not know', async () => {
    const foreign = { mediaType: 'application/xml', digest: 'sha256:0', size: 1, other: true }
    const path = unpack(temporaryDirectory(), layoutFiles([foreign, null, entry(image().descriptor, { [REF]: 'old' })]))
    await push(openLayout(path).repository('a'), image(), '1')
    expect(JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'))).toMatchObject({ 'x-kept': { by: 'us' } })
    expect(manifestsIn(path).slice(0, 2)).toEqual([foreign, null])
    expect(manifestsIn(path)).toHaveLength(4)
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
