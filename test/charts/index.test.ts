/** Indexes of chart repositories, in every form that is met. */

import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { packed, unpacked } from '../../src/charts/index/packed.ts'
import { readIndex } from '../../src/charts/index/read.ts'
import { indexOf } from '../support/charts.ts'

const DIGEST = 'ab'.repeat(32)

/** In chunks of `size` bytes. */
async function* chunks(text: string, size: number): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

async function read(text: string, size = 65_536): Promise<Record<string, unknown>> {
  const index = await readIndex(chunks(text, size))
  const charts = Object.fromEntries([...index.charts].map(([name, versions]) => [name, [...versions.values()]]))
  return { ...index, charts }
}

const REGULAR = `# made by hand
apiVersion: v1
entries:
  demo:
  - annotations:
      changes: |
        - version: 9.9.9
          name: not this

        deep: "x
    created: "2024-05-01T10:00:00.5Z"
    deprecated: true
    description: 'a: b'
    digest: ${DIGEST}
    keywords:
    - sql
    - 1.10
    name: demo
    urls:
    - charts/demo-1.0.0+b.tgz
    - "https://mirror/demo.tgz"
    version: 1.0.0+b
  - name: demo # a comment
    version: "2.0.0"
    digest: sha256:${DIGEST.toUpperCase()}
    urls: [demo-2.0.0.tgz, 'b']
    keywords: []
  - null
  - name: demo
    version: >-
      3.0.0
    urls: &u
    - x
  empty: []
  "quoted":
    - version: 1.0.0
      name: quoted
  nameless:
  - version: 1.0.0
generated: "2024-05-01T10:00:01Z"
serverInfo:
  contextPath: /ctx
`

const DEMO = [
  {
    chart: 'demo',
    version: '1.0.0+b',
    digest: `sha256:${DIGEST}`,
    urls: ['charts/demo-1.0.0+b.tgz', 'https://mirror/demo.tgz'],
    created: '2024-05-01T10:00:00.5Z',
    keywords: ['sql', '1.1'],
    deprecated: true,
  },
  { chart: 'demo', version: '2.0.0', digest: `sha256:${DIGEST}`, urls: ['demo-2.0.0.tgz', 'b'] },
  { chart: 'demo', version: '3.0.0', urls: ['x'] },
]
const EXPECTED = {
  charts: { demo: DEMO, empty: [], quoted: [{ chart: 'quoted', version: '1.0.0', urls: [] }], nameless: [] },
  nameless: 1,
  contextPath: '/ctx',
}

describe('an index', () => {
  // The anchor makes it irregular: then all of it is read by a library.
  const plain = REGULAR.replace('&u\n', '\n')
  test.each([
    ['in YAML', plain],
    ['in YAML of another shape', REGULAR],
    ['with the ends of lines of Windows', plain.replaceAll('\n', '\r\n')],
    ['with a mark before it and documents', `\uFEFF---\n${plain}`],
    ['in JSON', JSON.stringify(parse(plain))],
    ['in JSON with spaces', JSON.stringify(parse(plain), null, 2)],
    ['in YAML that looks like JSON', JSON.stringify(parse(plain)).replace('"apiVersion":', 'apiVersion: ')],
  ])('%s', async (_, text) => {
    for (const size of [7, 65_536]) {
      const found = await read(text, size)
      if (text.includes('"1.0.0+b"') || text.includes('apiVersion: "')) {
        // In JSON a number has lost its form.
        expect(found).toMatchObject({ nameless: 1, contextPath: '/ctx' })
        expect(Object.keys(Object(found.charts))).toEqual(['demo', 'empty', 'quoted', 'nameless'])
        expect(Object(found.charts).demo).toEqual(DEMO)
      } else expect(found).toEqual(EXPECTED)
    }
  })

  test.each([
    ['empty', 'apiVersion: v1\nentries: {}\n'],
    ['without entries', 'apiVersion: v1\n'],
    ['of ChartMuseum in JSON', '{"apiVersion":"v1","entries":{},"generated":"x","serverInfo":{}}'],
  ])('%s', async (_, text) => {
    expect(await read(text)).toEqual({ charts: {}, nameless: 0 })
  })

  test.each([
    ['nothing', ' \n', /empty/],
    ['a web page', '<!DOCTYPE html><html>', /web page/],
    ['a list', '- a\n- b\n', /not a mapping/],
    ['no version of the format', 'entries: {}\n', /apiVersion/],
    ['JSON that is cut off', indexOf([{ name: 'a', version: '1.0.0' }]).slice(0, -20), /not valid YAML|cut off/],
    ['text', 'just words\n', /not a mapping/],
  ])('that is %s is told as none', async (_, text, reason) => {
    await expect(read(text)).rejects.toThrow(reason)
  })

  test('is the same after it was kept', async () => {
    const index = await readIndex(chunks(plain, 65_536))
    expect(unpacked(JSON.parse(JSON.stringify(packed(index))))).toEqual({ ...index, nameless: 0 })
    expect(unpacked({ format: 0 })).toBeUndefined()
  })
})
