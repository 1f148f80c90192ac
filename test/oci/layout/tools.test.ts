/** Layouts that other tools wrote, by the tools themselves where they are installed: every image is found and read to its last byte. */

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { contentsOf } from '../../../src/core/manifest.ts'
import { type Artifact, image, index, named, referrer } from '../../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../../support/memory-registry.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { pathOfTool } from '../../support/tools.ts'
import { collect, context, entry, layoutFiles, openLayout, read, tarOf, unpack } from './support.ts'

const both = index([image({ seed: 'amd' }), image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } })])
const other = image({ seed: 'other' })
const sbom = referrer(both.descriptor)

async function registry(): Promise<MemoryRegistry> {
  const source = await startMemoryRegistry()
  onTestFinished(() => source.close())
  source.add('team/app', both, '1.0')
  source.add('team/app', sbom)
  source.add('other', other, '2')
  return source
}

/** Every tag by its repository, once each of its blobs has been read. */
async function tagsIn(path: string): Promise<Record<string, string>> {
  const layout = openLayout(path)
  const found: Record<string, string> = {}
  for (const repository of await collect(layout.repositories({ namespaces: [], names: [] }, context))) {
    const store = layout.repository(repository)
    const readAll = async (reference: string): Promise<string> => {
      const manifest = await store.readManifest(reference, context)
      const { blobs, manifests } = contentsOf(manifest)
      for (const blob of blobs) expect(named(await read(store, blob)).digest).toBe(blob.digest)
      for (const child of manifests) await readAll(child.digest)
      return manifest.digest
    }
    for (const tag of await collect(store.tags(context))) found[`${repository}:${tag}`] = await readAll(tag)
  }
  await layout.close()
  return found
}

type Write = (host: string, directory: string) => readonly (readonly string[])[]

describe.each<[string, string, Write, Record<string, Artifact>]>([
  [
    'skopeo',
    'l',
    (host, l) => [
      [
        'copy',
        '--all',
        '--src-tls-verify=false',
        '--insecure-policy',
        '--preserve-digests',
        `docker://${host}/team/app:1.0`,
        `oci:${l}:app:1.0`,
      ],
      [
        'copy',
        '--src-tls-verify=false',
        '--insecure-policy',
        '--preserve-digests',
        `docker://${host}/other:2`,
        `oci:${l}:2`,
      ],
    ],
    { 'app:1.0': both },
  ],
  [
    'skopeo',
    'l.tar',
    (host, l) => [
      [
        'copy',
        '--src-tls-verify=false',
        '--insecure-policy',
        '--preserve-digests',
        `docker://${host}/other:2`,
        `oci-archive:${l}:docker.io/a/b:2`,
      ],
    ],
    { 'a/b:2': other },
  ],
  [
    'oras',
    'l',
    (host, l) => [
      ['cp', '-r', '--from-plain-http', `${host}/team/app:1.0`, '--to-oci-layout', `${l}:1.0`],
      ['cp', '--from-plain-http', `${host}/other:2`, '--to-oci-layout', `${l}:2`],
    ],
    { 'l:1.0': both, 'l:2': other },
  ],
  [
    'regctl',
    'l',
    (host, l) => [
      [
        'image',
        'copy',
        '--host',
        `reg=${host},tls=disabled`,
        '--referrers',
        `${host}/team/app:1.0`,
        `ocidir://${l}:1.0`,
      ],
      ['image', 'copy', '--host', `reg=${host},tls=disabled`, `${host}/other:2`, `ocidir://${l}:2`],
    ],
    { 'l:1.0': both, 'l:2': other },
  ],
  [
    'regctl',
    'l.tar',
    (host, l) => [['image', 'export', '--host', `reg=${host},tls=disabled`, `${host}/other:2`, l]],
    { 'other:2': other },
  ],
  [
    'crane',
    'l',
    (host, l) => [['pull', '--insecure', '--format', 'oci', `${host}/team/app:1.0`, l]],
    { 'l:latest': both },
  ],
])('%s, into %s', (name, file, write, expected) => {
  const tool = pathOfTool(name)
  test.runIf(tool)('is read whole', async () => {
    const source = await registry()
    const directory = temporaryDirectory()
    const path = join(directory, file)
    const host = new URL(source.url).host
    const env = { ...process.env, HOME: directory }
    for (const args of write(host, path)) await promisify(execFile)(tool ?? '', [...args], { env })
    const found = await tagsIn(path)
    expect(found).toMatchObject(Object.fromEntries(Object.entries(expected).map(([tag, { digest }]) => [tag, digest])))
  })
})

describe('as BuildKit and Docker write them', () => {
  const annotations = {
    'io.containerd.image.name': 'docker.io/library/app:1',
    'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
    'org.opencontainers.image.ref.name': '1',
  }

  test('`docker buildx build --output type=oci` is one image with a full name', async () => {
    const path = unpack(temporaryDirectory(), layoutFiles([entry(both.descriptor, annotations)], [both]))
    expect(await tagsIn(path)).toEqual({ 'library/app:1': both.digest })
  })

  test('`docker save` of version 25 on has both forms, of which the layout is read', async () => {
    const files = layoutFiles([entry(other.descriptor, annotations)], [other])
    const [config = '', ...layers] = [...other.blobs.keys()].map((digest) => `blobs/${digest.replace(':', '/')}`)
    files.set('manifest.json', Buffer.from(JSON.stringify([{ Config: config, RepoTags: ['app:1'], Layers: layers }])))
    files.set('repositories', Buffer.from('{"app":{"1":"x"}}'))
    const path = join(temporaryDirectory(), 'saved.tar')
    writeFileSync(path, await tarOf(files))
    expect(await tagsIn(path)).toEqual({ 'library/app:1': other.digest })
  })
})
