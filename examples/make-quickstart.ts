/** Makes examples/quickstart, the OCI layout that quickstart.yaml copies: always the same, byte for byte. */

import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CREATED = '2026-01-01T00:00:00Z'

/** Writes the layout anew into `directory`: repository `hello`, tags `1.0`, `1.1` and `latest`, and a signature of 1.1. */
export async function makeQuickstart(directory: string): Promise<void> {
  const blobs = new Map<string, Buffer>()
  const put = (mediaType: string, content: Buffer | object): Descriptor => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
    const hex = createHash('sha256').update(bytes).digest('hex')
    blobs.set(hex, bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.byteLength }
  }

  const release = (version: string): Descriptor =>
    put(INDEX, {
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: ['amd64', 'arm64'].map((architecture) => ({
        ...image(version, architecture),
        platform: { architecture, os: 'linux' },
      })),
      annotations: { 'org.opencontainers.image.version': version },
    })

  function image(version: string, architecture: string): Descriptor {
    const layer = tarOf('hello.txt', `hello ${version} from linux/${architecture}\n`)
    const config = put('application/vnd.oci.image.config.v1+json', {
      created: CREATED,
      architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
      history: [{ created: CREATED, created_by: 'make-quickstart' }],
    })
    const layers = [put('application/vnd.oci.image.layer.v1.tar+gzip', gzip(layer))]
    return put(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config, layers })
  }

  const first = release('1.0')
  const second = release('1.1')
  const artifactType = 'application/vnd.example.signature.v1+json'
  const signature = put(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType,
    config: put('application/vnd.oci.empty.v1+json', Buffer.from('{}')),
    layers: [put(artifactType, { signed: second.digest, by: 'an example, not a real key' })],
    subject: second,
  })

  const tagged = (descriptor: Descriptor, tag: string): object => ({
    ...descriptor,
    annotations: { 'org.opencontainers.image.ref.name': tag, 'io.containerd.image.name': `hello:${tag}` },
  })
  const manifests = [
    tagged(first, '1.0'),
    tagged(second, '1.1'),
    tagged(second, 'latest'),
    // Untagged: a referrer is found by its subject.
    { ...signature, artifactType, annotations: { 'io.replicate.repository': 'hello' } },
  ]

  await rm(directory, { recursive: true, force: true })
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
  for (const [hex, bytes] of blobs) await writeFile(join(directory, 'blobs', 'sha256', hex), bytes)
  const index = { schemaVersion: 2, mediaType: INDEX, manifests }
  await writeFile(join(directory, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`)
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

/** A tar of one file, without a time or an owner. */
function tarOf(name: string, text: string): Buffer {
  const content = Buffer.from(text)
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12), 100)
  header.write('        0', 148)
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}

/** The same everywhere: stored, as compressors differ; and byte 9 of the header would name the system it was made on. */
function gzip(bytes: Buffer): Buffer {
  const zipped = gzipSync(bytes, { level: 0 })
  zipped[9] = 255
  return zipped
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await makeQuickstart(join(import.meta.dirname, 'quickstart'))
}
