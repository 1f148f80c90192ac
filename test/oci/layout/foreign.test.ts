/** OCI layouts in directories as other tools write them. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { ReplicateError } from '../../../src/core/errors.ts'
import { OCI_MANIFEST } from '../../../src/core/manifest.ts'
import { image, index, named, referrer } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { IMAGE, never, REF } from './inside.ts'
import { collect, context, entry, layoutFiles, openLayout, push, unpack } from './support.ts'

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
