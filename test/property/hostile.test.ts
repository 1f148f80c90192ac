/** Registries and publishers that mean harm: whatever they answer or publish ends in a named failure of one task, and nothing of another. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { computeDigest, type Manifest, OCI_INDEX, OCI_MANIFEST } from '../../src/core/manifest.ts'
import { policyBetween, type Ran, workplace } from '../e2e/harness.ts'
import { type Artifact, image, index, referrer } from '../support/images.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'

/** More of them by `REPLICATE_PROPERTY_RUNS`, a certain one by `REPLICATE_PROPERTY_SEED`, which a failure prints. */
const RUNS = Number(process.env.REPLICATE_PROPERTY_RUNS ?? 100)
const SEED = process.env.REPLICATE_PROPERTY_SEED
const settings = { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }), endOnFailure: true }

/** Milliseconds that one run may take: most take a fraction of a second. */
const LONGEST = 30_000

const good = image({ seed: 'good', layers: 1, size: 1000 })
const evil = index([
  image({ seed: 'evil', layers: 1, size: 300_000 }),
  image({ seed: 'evil too', size: 1000, platform: { os: 'linux', architecture: 'arm64' } }),
])
const OTHER = computeDigest(Buffer.from('other'))
const ESCAPES = '\u001b]0;owned\u0007\u009b2J'

/** A request of which a hostile registry answers every one. */
interface Target {
  readonly side: 'source' | 'destination'
  readonly method: string
  readonly path: RegExp
}

const TARGETS: readonly Target[] = [
  { side: 'source', method: 'HEAD', path: /\/manifests\/v1$/ },
  { side: 'source', method: 'GET', path: /\/manifests\/sha256:/ },
  { side: 'source', method: 'GET', path: /\/manifests\/sha256-/ },
  { side: 'source', method: 'GET', path: /\/blobs\// },
  { side: 'source', method: 'GET', path: /\/referrers\// },
  { side: 'source', method: 'GET', path: /\/tags\/list/ },
  { side: 'destination', method: 'GET', path: /\/tags\/list/ },
  { side: 'destination', method: 'HEAD', path: /\/manifests\// },
  { side: 'destination', method: 'HEAD', path: /\/blobs\// },
  { side: 'destination', method: 'POST', path: /\/blobs\/uploads\// },
  { side: 'destination', method: 'PATCH', path: /\/blobs\/uploads\// },
  { side: 'destination', method: 'PUT', path: /\/blobs\/uploads\// },
  { side: 'destination', method: 'GET', path: /\/blobs\/uploads\// },
  { side: 'destination', method: 'PUT', path: /\/manifests\// },
]

const STATUSES = [
  ...[
    200, 201, 202, 204, 206, 300, 301, 304, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 411, 412, 413, 415, 416,
  ],
  ...[418, 422, 425, 429, 451, 500, 501, 502, 503, 507, 511, 599],
]

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'docker-content-digest': [
    OTHER,
    'sha256:',
    'sha256:zz',
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    `sha256:${'a/'.repeat(32)}`,
  ],
  'content-type': [
    '',
    'text/html',
    OCI_INDEX,
    OCI_MANIFEST,
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    ';;',
  ],
  location: [
    '/',
    '//',
    'http://127.0.0.1:1/v2/',
    'file:///etc/passwd',
    'http://[',
    '/v2/evil/manifests/v1',
    '?',
    'x'.repeat(9000),
  ],
  range: ['0-0', '0-999999999999999999999', '5-1', 'bytes=0-1', '-'],
  'content-range': ['bytes 0-1/2', 'bytes */0', 'x'],
  'www-authenticate': [
    'Bearer',
    'Bearer realm="http://127.0.0.1:1/t",service="x"',
    'Basic',
    'Negotiate',
    'Bearer realm="',
    '=,=,',
  ],
  link: ['<>; rel="next"', '<', '</v2/evil/tags/list?last=v1>; rel="next"', `<${'x'.repeat(9000)}>; rel=next`],
  'retry-after': ['0', '-1', '1e300', 'Thu, 01 Jan 1970 00:00:00 GMT', 'soon'],
  'ratelimit-remaining': ['0;w=99999999999999999', 'x'],
  'ratelimit-reset': ['1e300'],
  'oci-subject': ['x'],
  'oci-chunk-min-length': ['-1', '1e300', '99999999999999999999'],
}

const BODIES: readonly string[] = [
  ...['', 'null', '[]', '5', '"x"', '{', '{}', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, ESCAPES],
  '{"errors":"x"}',
  '{"errors":[5,null,{"code":[],"message":{}}]}',
  JSON.stringify({ errors: [{ code: ESCAPES, message: `${ESCAPES}${'long '.repeat(500)}`, detail: '\u202e' }] }),
  '{"name":"evil","tags":{"length":3}}',
  JSON.stringify({
    name: 'evil',
    tags: ['v1', null, 5, '', '../../../good/manifests/v1', ESCAPES, 'x'.repeat(5000), 'a.'.repeat(300)],
  }),
  '{"manifests":[null]}',
  '{"schemaVersion":2,"manifests":[{"digest":5}]}',
  JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: OCI_INDEX, digest: OTHER, size: -1 }] }),
  JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: OCI_INDEX, digest: OTHER, size: 2 ** 60 }] }),
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: {},
    layers: [{ digest: `sha256:${'../'.repeat(20)}` }],
  }),
  '{"__proto__":{"manifests":[]},"constructor":5,"schemaVersion":1,"signatures":[]}',
]

const answers: fc.Arbitrary<Reply> = fc.record({
  status: fc.constantFrom(...STATUSES),
  headers: fc
    .uniqueArray(fc.constantFrom(...Object.keys(HEADERS)), { maxLength: 3 })
    .chain((names) =>
      fc.record(Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(HEADERS[name] ?? []))]))),
    ),
  body: fc.constantFrom(...BODIES).map((body) => Buffer.from(body)),
})

/** A clock that does not wait. */
function instantly() {
  let now = Date.now()
  const sleep = async (milliseconds: number): Promise<void> => {
    now += milliseconds
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock: { now: () => now, monotonic: () => now, sleep }, random: () => 0, idle: 2000 }
}

interface Attack {
  /** Answers what it likes of requests about `evil`. */
  readonly source?: (call: Call) => Reply | undefined
  readonly destination?: (call: Call) => Reply | undefined
  readonly artifact?: Artifact
  /** YAML of the policy. */
  readonly policy?: string
  readonly prepare?: (source: MemoryRegistry, destination: MemoryRegistry) => void
}

/** Copies `good` and `evil`, and expects that only `evil` came to harm, in words. */
async function attacked({ artifact = evil, policy = '', prepare = () => {}, ...by }: Attack): Promise<Ran> {
  const intercept = (answer: ((call: Call) => Reply | undefined) | undefined, prefix: string) => (call: Call) =>
    call.url.pathname.startsWith(prefix) ? answer?.(call) : undefined
  const source = await startMemoryRegistry({ intercept: intercept(by.source, '/v2/evil/') })
  const destination = await startMemoryRegistry({ intercept: intercept(by.destination, '/v2/mirror/evil/') })
  try {
    source.add('evil', artifact, 'v1')
    source.add('good', good, 'v1')
    prepare(source, destination)
    const signal = AbortSignal.timeout(LONGEST)
    const ran = await workplace({}, instantly()).run(policyBetween(source.url, destination.url, policy), { signal })
    expect(signal.aborted, 'it took too long').toBe(false)
    expect([0, 1]).toContain(ran.outcome.exitCode)
    expect(destination.repository('mirror/good').tags.get('v1')).toBe(good.digest)
    for (const { dest_resource, status, error } of ran.tasks) {
      if (!dest_resource.includes('mirror/evil'))
        expect({ dest_resource, status }).toMatchObject({ status: 'succeeded' })
      expect(error?.code).not.toBe('bug')
      expect(error?.message ?? '').not.toMatch(/[\p{Cc}\u202e]/u)
    }
    for (const line of ran.logs) expect(line).not.toMatch(/\bbug\b|\n {4}at /)
    return ran
  } finally {
    await Promise.all([source.close(), destination.close()])
  }
}

test(
  'any answer of a registry to any request about one repository harms that one only',
  async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...TARGETS),
      fc.array(answers, { minLength: 1, maxLength: 3 }),
      async ({ side, method, path }, replies) => {
        let asked = 0
        const answer = (call: Call): Reply | undefined => {
          if (call.method !== method || !path.test(`${call.url.pathname}`)) return undefined
          asked += 1
          return replies[asked % replies.length]
        }
        await attacked({ [side]: answer })
      },
    )
    await fc.assert(property, settings)
  },
  30_000 + RUNS * 3000,
)

/** An image of which the manifest has been edited: it names what is not there. */
function edited(edit: (layers: object[]) => void): Artifact {
  const plain = image({ seed: 'edited', layers: 1 })
  const manifest = JSON.parse(Buffer.from(plain.bytes).toString())
  edit(manifest.layers)
  const bytes = Buffer.from(JSON.stringify(manifest))
  return { ...plain, bytes, digest: computeDigest(bytes) }
}

/** Answers what is asked by that path; of a HEAD only the headers go out. */
function lie(path: string, headers: Readonly<Record<string, string>>, body = ''): Attack {
  const reply = { status: 200, headers: { 'content-type': OCI_INDEX, ...headers }, body: Buffer.from(body) }
  return { source: ({ url }) => (url.pathname.endsWith(path) ? reply : undefined) }
}

const SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
const layer = (digest: string, size = 1) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })

test.each<[string, Attack]>([
  ['the bytes are not those of the digest', lie('/manifests/v1', { 'docker-content-digest': OTHER }, '{}')],
  ['a child is not what its index says', lie(`/manifests/${evil.children[0]?.digest}`, {}, '{}')],
  [
    'other bytes come as schema 1',
    lie('/manifests/v1', { 'content-type': SCHEMA1, 'docker-content-digest': evil.digest }, '{}'),
  ],
  ['a layer is larger than anything', { artifact: edited((layers) => layers.push(layer(OTHER, 2 ** 60))) }],
  ['a digest is a path', { artifact: edited((layers) => layers.push(layer(`sha256:${'../'.repeat(20)}`))) }],
  ['a digest is in capitals', { artifact: edited((layers) => layers.push(layer(OTHER.toUpperCase()))) }],
  ['a digest has an unknown algorithm', { artifact: edited((layers) => layers.push(layer('md5:00'))) }],
  [
    'an image has sixty thousand layers',
    {
      artifact: edited((layers) => {
        for (let at = 0; at < 60_000; at += 1) layers.push(layer(computeDigest(Buffer.from(`${at}`))))
      }),
    },
  ],
])('nothing is tagged where %s', async (_, attack) => {
  let destination: MemoryRegistry | undefined
  const prepare = (_: MemoryRegistry, to: MemoryRegistry): void => {
    destination = to
  }
  const { tasks } = await attacked({ ...attack, prepare })
  expect(tasks.find(({ dest_resource }) => dest_resource.includes('evil'))?.error?.message).toBeDefined()
  expect([...(destination?.repository('mirror/evil').tags ?? [])]).toEqual([])
})

/** Indexes above each other, each naming the one below `width` times. */
function tower(depth: number, width: number): Artifact {
  let top = image({ seed: 'at the bottom' })
  for (let level = 0; level < depth; level += 1) top = { ...index(Array(width).fill(top)), children: [top] }
  return top
}

/** An index with a field nested so deep that what walks it recursively breaks. */
function deep(): Artifact {
  const child = image({ seed: 'deep' })
  const plain = index([child])
  const text = Buffer.from(plain.bytes).toString()
  const bytes = Buffer.from(text.replace(/\}$/, `,"x":${'['.repeat(9000)}${']'.repeat(9000)}}`))
  return { ...plain, bytes, digest: computeDigest(bytes) }
}

const NARROW = '    filters: { platforms: [linux/amd64], platforms_index: narrow }'

describe('one image of a publisher does not stop the rest', () => {
  test.each<[string, Artifact, string]>([
    ['indexes that name each other very often, narrowed', tower(12, 20), NARROW],
    ['indexes that name each other very often, with late referrers', tower(12, 20), '    referrers: all'],
    ['indexes that name each other very often, read again after the copy', tower(12, 20), '    verify: full'],
    ['indexes that nest too deep', tower(40, 1), ''],
    ['indexes that nest too deep, narrowed', tower(40, 1), NARROW],
    ['JSON that nests too deep', deep(), ''],
    ['JSON that nests too deep, narrowed', deep(), NARROW],
  ])('%s', async (_, artifact, policy) => {
    await attacked({ artifact, policy })
    // All of it is there already, and compared.
    await attacked({ artifact, policy, prepare: (_, destination) => destination.add('mirror/evil', artifact, 'v1') })
  })

  test('an image whose referrers have referrers without an end', async () => {
    const artifact = image({ seed: 'subject' })
    const source = (call: Call): Reply | undefined => {
      const { pathname } = call.url
      if (!pathname.includes('/referrers/')) return undefined
      const subject = pathname.split('/').at(-1)
      const made = Array.from({ length: 3 }, (_, at): Manifest => {
        const bytes = Buffer.from(
          JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [], subject, at }),
        )
        return { mediaType: OCI_MANIFEST, digest: computeDigest(bytes), bytes }
      })
      const manifests = made.map(({ mediaType, digest, bytes }) => ({ mediaType, digest, size: bytes.byteLength }))
      const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
      return { status: 200, headers: { 'content-type': OCI_INDEX }, body }
    }
    const { tasks } = await attacked({ artifact, source })
    expect(tasks.find(({ dest_resource }) => dest_resource.includes('evil'))?.error?.message).toContain('source from: ')
  })

  test('a referrer that is named twenty thousand times', async () => {
    const artifact = image({ seed: 'signed' })
    const signature = referrer(artifact.descriptor)
    const entry = signature.descriptor
    const source = ({ url }: Call): Reply | undefined => {
      if (!url.pathname.endsWith(`/referrers/${artifact.digest}`)) return undefined
      const manifests = Array(20_000).fill(entry)
      const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
      return { status: 200, headers: { 'content-type': OCI_INDEX }, body }
    }
    await attacked({ artifact, source, prepare: (from) => from.add('evil', signature) })
  })
})
