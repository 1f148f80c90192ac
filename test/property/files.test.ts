/** Files that are damaged anyhow: read, or refused in this program's words; never a crash, a hang or endless memory. */

import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import { type Format, importConfiguration } from '../../src/config/import/import.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { ConfigurationError } from '../../src/core/errors.ts'

/** Of each property; a nightly run gives more, and another seed by `REPLICATE_PROPERTY_SEED`, which a failure prints. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 2)
const SEED = Number(process.env.REPLICATE_PROPERTY_SEED ?? 1)

const EXAMPLES = readdirSync('examples')
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(`examples/${name}`, 'utf8'))

const FILES: Readonly<Record<Format, readonly string[]>> = {
  regsync: [
    `creds:\n  - {registry: r.example.org, user: ann, pass: '{{env "P"}}', tls: insecure, reqPerSec: 2.5}
defaults: {interval: 8h, ratelimit: {min: 40}, digestTags: true}
sync:
  - {source: alpine, target: 'r.example.org/{{ .Sync.Source }}', type: repository, tags: {allow: ['3\\.\\d+|edge'], deny: [x], semverRange: ['>=1.2 <2']}}
  - source: r.example.org\n    target: q.example.org/m\n    type: registry\n    repos: {allow: [a.*]}\n    schedule: '0 2 * * *'
  - {source: 'a.example.org/x:1@sha256:${'a'.repeat(64)}', target: b.example.org/x:1, type: image, platforms: [linux/amd64]}`,
  ],
  skopeo: [
    `r.example.org:\n  images: {a/x: [], b: ["1", 'sha256:${'a'.repeat(64)}']}\n  images-by-tag-regex: {c: ^1\\.[12]$}
  images-by-semver: {d: ">= 3.12.0"}\n  credentials: {username: ann, password: x}\n  tls-verify: false\n  cert-dir: /certs\n`,
  ],
  'image-syncer': [
    'quay.io/a/x: quay.io/b/x\nquay.io/a/x:v1,v2: [quay.io/b/y, quay.io/c/x]\nquay.io/a/x:/a+/: quay.io/b/x\n',
    'auth: {quay.io: {username: $' + '{U}, password: x, insecure: true}}\nimages:\n  quay.io/a/x:1: quay.io/b/x\n',
  ],
  dregsy: [
    `relay: skopeo\ntasks:\n  - name: t\n    interval: 60\n    source: {registry: a.example.org, auth: none}
    target: {registry: b.example.org, skip-tls-verify: true}\n    mappings:
      - {from: 'regex:^x/.*', to: 'regex:^x/,y/', platform: all, tags: ['semver: >=1.0.0', 'keep: .+-a', 'regex: !b|c', 'keep: latest 3', '1@sha256:${'b'.repeat(64)}']}`,
  ],
  'flux-mirror': [
    `apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:
  - {source: a.example.org/x, destination: b.example.org/y/x, selector: {regex: {pattern: '^v(?P<n>\\d+)$', extract: $n}, semver: '>=1.2 <2', limit: 2}, includeReferrers: true}
charts:\n  - {name: app, source: 'https://charts.example.org', destination: 'oci://b.example.org/charts', version: 6.x, limit: 0}
hosts:\n  - {host: b.example.org, username: ann, credential: {value: $` +
      '{T}}, tls: {serverAuth: {fromPath: ./ca.pem}}}',
  ],
  'charts-syncer': [
    `source:\n  repo: {kind: OCI, url: 'https://a.example.org/x/y', auth: {username: ann, password: x}}
target:\n  repo: {kind: CHARTMUSEUM, url: 'http://b.example.org:8080/m'}\n  containerRegistry: c.example.org
charts: [redis, 'etc*']\nskipCharts: [mariadb]\nskipArtifacts: true\n`,
  ],
  chartmuseum: [
    'port: 8080\ncontextpath: /charts\ndepth: 1\nbasicauth: {user: ann, pass: x}\ntls: {cert: a.pem}\nstorage: {backend: local}\n',
  ],
  harbor: [
    JSON.stringify(
      {
        registries: [
          { id: 1, name: 'hub', type: 'docker-hub', url: 'https://hub.docker.com', credential: { access_key: 'a' } },
        ],
        policies: [
          {
            name: 'p',
            src_registry: { id: 1 },
            dest_namespace: 'm',
            dest_namespace_replace_count: 2,
            trigger: { type: 'scheduled', trigger_settings: { cron: '0 0 2 * * *' } },
            filters: [
              { type: 'name', value: 'library/**' },
              { type: 'tag', value: '1.*', decoration: 'excludes' },
              { type: 'label', value: ['a', 'b'] },
            ],
            speed: 100,
          },
        ],
      },
      undefined,
      1,
    ),
  ],
}

/** What a file may be damaged with: syntax of YAML, JSON, templates and expressions, and values that are too much. */
const piece = fc.oneof(
  fc.constantFrom(
    ...[
      '[',
      ']',
      '{',
      '}',
      ': ',
      '- ',
      '#',
      '&a ',
      '*a',
      '<<: *a',
      '!!x ',
      '|',
      '>',
      '"',
      "'",
      '\n',
      '  ',
      '\t',
      '---\n',
    ],
    ...[
      '$' + '{X}',
      '$' + '{',
      '{{',
      '}}',
      '(',
      ')',
      '(?i)',
      '\\',
      '\\Q',
      '**',
      '{a,b}',
      '(a|b',
      '[^',
      '+',
      '$',
      '^',
      '|',
    ],
    ...['null', '~', 'true', '-1', '1e999', '9'.repeat(400), 'x'.repeat(2000), '(a*)*'.repeat(40), '{a,b}'.repeat(30)],
    ...[
      '__proto__',
      'constructor',
      '\u0000',
      '\u001b[31m',
      '\u202e',
      '\ud800',
      '\uFEFF',
      'sha256:',
      '@',
      '::',
      '/',
      'é',
    ],
  ),
  fc.string({ maxLength: 12 }),
)
const cut = fc.record({
  at: fc.nat(),
  length: fc.oneof(fc.nat({ max: 6 }), fc.nat({ max: 80 })),
  put: piece,
  move: fc.boolean(),
})
const cuts = fc.array(cut, { minLength: 1, maxLength: 6 })

function damaged(text: string, all: readonly { at: number; length: number; put: string; move: boolean }[]): string {
  let result = text
  for (const { at, length, put, move } of all) {
    const from = at % (result.length + 1)
    const taken = result.slice(from, from + length)
    result = result.slice(0, from) + put + (move ? taken + taken : '') + result.slice(from + length)
  }
  return result
}

/** Milliseconds of the processor that one file of this size may take, with much room for a slow machine. */
const MOST = 5000

function survives(read: () => void, text: string): void {
  const before = process.cpuUsage()
  try {
    read()
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    expect(error.problems.length).toBeGreaterThan(0)
  }
  expect(process.cpuUsage(before).user / 1000, text).toBeLessThan(MOST)
}

const settings = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000, endOnFailure: SECONDS < 60 }
const env = { X: 'x', MIRROR_PASSWORD: 'x', HOOK_SECRET: 'x' }

test(
  'a configuration',
  () => {
    const property = fc.property(fc.constantFrom(...EXAMPLES), cuts, (example, all) => {
      const text = damaged(example, all)
      survives(() => loadConfiguration([{ path: '/p/a.yaml', text }], { env, cwd: '/p', types: adapters }), text)
    })
    fc.assert(property, settings)
  },
  SECONDS * 1000 + 60_000,
)

test.each(Object.entries(FILES) as [Format, readonly string[]][])(
  'a file of %s: what is imported loads',
  (from, files) => {
    const property = fc.property(fc.constantFrom(...files), cuts, (file, all) => {
      const text = damaged(file, all)
      const to = from === 'skopeo' || from === 'chartmuseum' ? { to: 'mirror.example.org/m' } : {}
      // Its result is loaded before it is given.
      const read = () =>
        importConfiguration({ from, file: { path: '/p/a', text }, ...to }, { cwd: '/p', types: adapters })
      survives(read, text)
    })
    fc.assert(property, settings)
  },
  SECONDS * 1000 + 60_000,
)
