/** Charts for tests: small, and the same bytes for the same words. */

import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { readArchive } from '../../src/charts/chart/archive.ts'
import { artifactOf } from '../../src/charts/chart/artifact.ts'
import { bytesOf } from '../../src/core/content.ts'
import { descriptorOf } from '../../src/core/manifest.ts'
import type { Artifact } from './images.ts'

export interface ChartFiles {
  /** Below the chart's directory: path → text. `Chart.yaml` is made where it is not given. */
  readonly [path: string]: string
}

export interface TestChart {
  readonly name: string
  readonly version: string
  /** `NAME-VERSION.tgz`. */
  readonly file: string
  readonly archive: Buffer
  /** Of the archive: `sha256:…`. */
  readonly digest: `sha256:${string}`
}

/** `seed` makes archives of one name and version differ. */
export function chart(name: string, version: string, files: ChartFiles = {}, seed = ''): TestChart {
  const all: ChartFiles = {
    'Chart.yaml': `apiVersion: v2\nname: ${name}\nversion: ${version}\ndescription: A chart for tests\n`,
    'templates/map.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  seed: "${seed}"\n`,
    'values.yaml': '{}\n',
    ...files,
  }
  const archive = packed(Object.entries(all).map(([path, text]) => [`${name}/${path}`, Buffer.from(text)]))
  return { name, version, file: `${name}-${version}.tgz`, archive, digest: digestOf(archive) }
}

export function digestOf(bytes: Uint8Array): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Packs a tar with members of one time; `type` is that of POSIX. */
export function packed(members: readonly (readonly [path: string, content: Buffer, type?: string])[]): Buffer {
  const blocks = members.flatMap(([path, content, type = '0']) => [
    header(path, content.byteLength, type),
    content,
    Buffer.alloc((512 - (content.byteLength % 512)) % 512),
  ])
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

/** 2024-03-01T10:00:00Z. */
const TIME = 1_709_287_200

export function header(path: string, size: number, type: string): Buffer {
  const block = Buffer.alloc(512)
  block.write(path, 0, 100)
  block.write('0000644\0', 100)
  block.write('0000000\0', 108)
  block.write('0000000\0', 116)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write(`${TIME.toString(8).padStart(11, '0')}\0`, 136)
  block.write('        ', 148)
  block.write(type, 156)
  block.write('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** What stands before a signature, and no more of one: nothing here checks it. */
export function provenance({ name, version, file, digest }: TestChart): Buffer {
  return Buffer.from(
    `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: ${name}\nversion: ${version}\n\n...\nfiles:\n  ${file}: ${digest}\n-----BEGIN PGP SIGNATURE-----\n\nwsBc\n-----END PGP SIGNATURE-----\n`,
  )
}

export interface IndexedChart {
  readonly name: string
  readonly version: string
  readonly digest?: string
  readonly urls?: readonly string[]
  readonly [field: string]: unknown
}

/** An index as JSON, which is YAML too. */
export function indexOf(charts: readonly IndexedChart[]): string {
  const entries: Record<string, unknown[]> = {}
  for (const { name, version, ...rest } of charts) {
    const list = entries[name] ?? []
    entries[name] = list
    list.push({ name, version, apiVersion: 'v2', created: '2024-05-01T10:00:00.5Z', ...rest })
  }
  return JSON.stringify({ apiVersion: 'v1', entries, generated: '2024-05-01T10:00:01Z' })
}

/** The entry of a chart, by its file's name. */
export function entryOf({ name, version, file, digest }: TestChart, more: object = {}): IndexedChart {
  return { name, version, digest: digest.slice('sha256:'.length), urls: [file], ...more }
}

/** A chart as `helm push` puts it into a registry, with its provenance where that is given. */
export async function pushed(one: TestChart, signature?: Buffer): Promise<Artifact> {
  const { metadata } = await readArchive(bytesOf(one.archive))
  const contents = [one.archive, ...(signature ? [signature] : [])]
  const [archive, signed] = contents.map((bytes) => ({ digest: digestOf(bytes), size: bytes.byteLength }))
  if (!archive) throw new Error('a chart without its archive')
  const { manifest, config } = artifactOf(metadata, archive, signed, new Date('2024-01-01T00:00:00Z'))
  return {
    ...manifest,
    descriptor: descriptorOf(manifest),
    blobs: new Map([config, ...contents].map((bytes) => [digestOf(bytes), bytes])),
    children: [],
  }
}
