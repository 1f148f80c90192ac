/** Indexes and archives of charts that are damaged anyhow: read, or refused in this program's words; never a crash, a hang or endless memory. */

import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { readArchive } from '../../src/charts/chart/archive.ts'
import { artifactOf } from '../../src/charts/chart/artifact.ts'
import { readIndex } from '../../src/charts/index/read.ts'
import { chartIn } from '../../src/core/chart.ts'
import { IntegrityError } from '../../src/core/errors.ts'
import { chart, entryOf, indexOf } from '../support/charts.ts'
import { damaged, LIMITS, MOST, WITHIN } from './damage.ts'

const DIGEST = 'ab'.repeat(32)
const YAML = `apiVersion: v1
entries:
  demo:
  - annotations:
      changes: |
        - kind: added

          description: "x"
    created: "2024-05-01T10:00:00.5Z"
    deprecated: true
    description: 'a: b'
    digest: ${DIGEST}
    keywords: [sql, 1.10]
    name: demo
    urls:
    - charts/demo-1.0.0+b.tgz
    version: 1.0.0+b
  - name: demo # a comment
    version: "2.0.0"
  - null
  other: []
serverInfo:
  contextPath: /ctx
`
const METADATA = `apiVersion: v2
name: demo
version: 1.2.3-rc.1+b
appVersion: 1.10
keywords: [yes, 1e3, 010, .inf, ~, 0o17, &a x, *a]
maintainers: [{name: A & B, email: a@b.c}]
annotations: {b: 1.50, a: true}
dependencies:
- {name: sub, version: 1.x, import-values: [data, {child: {z: 1}}], enabled: on}
`

async function* chunks(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

/** What `read` gives; undefined where it refuses in our words. More time of the processor than `MOST` is a failure. */
async function readOr<T>(read: () => Promise<T>): Promise<T | undefined> {
  const before = process.cpuUsage()
  try {
    return await read()
  } catch (error) {
    expect(error).toBeInstanceOf(IntegrityError)
    expect(String(error).length).toBeLessThan(1000)
    return undefined
  } finally {
    const { user, system } = process.cpuUsage(before)
    expect(user + system).toBeLessThan(MOST)
  }
}

test('an index, however it is damaged and cut', { timeout: WITHIN }, async () => {
  const texts = [YAML, JSON.stringify(parse(YAML)), indexOf([entryOf(chart('a', '1.0.0'))])]
  await fc.assert(
    fc.asyncProperty(damaged(...texts), fc.integer({ min: 1, max: 5000 }), async (text, size) => {
      const bytes = Buffer.from(text)
      const whole = await readOr(() => readIndex(chunks(bytes, 1 << 20)))
      const cut = await readOr(() => readIndex(chunks(bytes, size)))
      // How the bytes arrive makes no difference.
      expect(cut).toEqual(whole)
    }),
    LIMITS,
  )
})

test('metadata, however they are damaged', { timeout: WITHIN }, async () => {
  await fc.assert(
    fc.asyncProperty(damaged(METADATA), async (text) => {
      const { archive } = chart('demo', '1.2.3', { 'Chart.yaml': text, 'requirements.yaml': 'dependencies: []\n' })
      const read = await readOr(() => readArchive(chunks(archive, 65_536)))
      if (!read) return
      const content = { digest: `sha256:${DIGEST}`, size: 1 } as const
      const { manifest, config } = artifactOf(read.metadata, content, undefined, read.newest)
      expect(chartIn(manifest)?.archive).toMatchObject(content)
      expect(JSON.parse(config.toString())).toMatchObject({ name: read.metadata.name })
    }),
    LIMITS,
  )
})

test('an archive, however its bytes are damaged', { timeout: WITHIN }, async () => {
  const whole = chart('demo', '1.2.3', { 'Chart.yaml': METADATA }).archive
  const plain = gunzipSync(whole)
  const damage = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.uint8Array({ maxLength: 12 })), {
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(fc.boolean(), damage, fc.double({ min: 0, max: 1, noNaN: true }), async (inside, parts, end) => {
      const bytes = Buffer.from(inside ? plain : whole)
      for (const [at, part] of parts)
        bytes.set(
          part.subarray(0, bytes.byteLength - Math.floor(at * bytes.byteLength)),
          Math.floor(at * bytes.byteLength),
        )
      const cut = bytes.subarray(0, Math.ceil((0.5 + end / 2) * bytes.byteLength))
      await readOr(() => readArchive(chunks(inside ? gzipSync(cut) : cut, 4096)))
    }),
    LIMITS,
  )
})
