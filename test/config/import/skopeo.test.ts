/** The YAML of skopeo sync. */

import { describe, expect, test } from 'vitest'
import { copied, imported, loaded, refused, said } from './setup.ts'

const DIGEST = `sha256:${'ab12'.repeat(16)}`

const EVERYTHING = `
registry.example.net:
  images:
    tools/jq: []
    tools/yq:
    tools/curl:
      - "8.0"
      - "8.1"
      - "${DIGEST}"
  images-by-tag-regex:
    web/nginx: ^1\\.2[0-9]\\.[0-9]+$
    web/caddy: alpine
  images-by-semver:
    data/redis: ">= 6.2, < 8.0.0"
    data/other: "!= 1.0.0"
  credentials:
    username: someone
    password: hunter2 of a registry
  tls-verify: false
  cert-dir: /etc/certs/example
localhost:5000:
  tls-verify: false
  images:
    own: [latest]
docker.io:
  images:
    busybox: [latest]
`

const IMAGES = [
  'tools/jq:1',
  'tools/yq:2',
  'tools/curl:8.0',
  'tools/curl:7.0',
  'web/nginx:1.21.3',
  'web/nginx:1.21.3-perl',
  'web/caddy:2-alpine',
  'web/caddy:2',
  'data/redis:7.0.1',
  'data/redis:8.0.0',
  'data/redis:latest',
]
const ENV = { REGISTRY_EXAMPLE_NET_PASSWORD: 'x' }

describe('a skopeo file with every key', () => {
  const result = imported(EVERYTHING, { from: 'skopeo', to: 'mirror.example.org/all' })

  test('becomes policies that copy the same images into the namespace that --to names', () => {
    const configuration = loaded(result, ENV)
    expect(copied(configuration, 'registry.example.net', IMAGES)).toEqual([
      'tools/jq:1 → mirror.example.org/all/jq:1',
      'tools/yq:2 → mirror.example.org/all/yq:2',
      'tools/curl:8.0 → mirror.example.org/all/curl:8.0',
      'web/nginx:1.21.3 → mirror.example.org/all/nginx:1.21.3',
      'web/caddy:2-alpine → mirror.example.org/all/caddy:2-alpine',
      'data/redis:7.0.1 → mirror.example.org/all/redis:7.0.1',
    ])
    expect(configuration.policies.flatMap(({ filters }) => filters.digest ?? [])).toEqual([DIGEST])
    expect(copied(configuration, 'docker.io', ['library/busybox:latest'])).toEqual([
      'library/busybox:latest → mirror.example.org/all/busybox:latest',
    ])
  })

  test('keeps below the whole name of their source what --scoped keeps there', () => {
    const scoped = imported(EVERYTHING, { from: 'skopeo', to: 'mirror.example.org/all/', scoped: true })
    expect(copied(loaded(scoped, ENV), 'registry.example.net', ['tools/jq:1'])).toEqual([
      'tools/jq:1 → mirror.example.org/all/registry.example.net/tools/jq:1',
    ])
    expect(said(scoped)).toContainEqual(
      expect.stringMatching(/^24:10 with --scoped the name would have a port: localhost:5000/),
    )
  })

  test('keeps no secret, and says what is missing and what differs', () => {
    expect(JSON.stringify(result)).not.toContain('hunter2')
    expect(said(result).map((line) => line.replace(/ \[.*/, ''))).toEqual([
      '2:1 without `--all` skopeo copies only the platform it runs on; here all are copied',
      '4:5 where all tags are taken signatures travel with their image, and with them what else refers to it',
      '15:17 `!= 1.0.0` is not a range of versions here',
      expect.stringContaining('16:3 the secret stays behind'),
      '19:3 registry.example.net is used without a check of its certificate; plain HTTP was tried, too, and is not any more',
      '20:3 a directory of certificates has no counterpart',
    ])
    expect(loaded(result, ENV).registries.get('localhost-5000')?.url).toBe('http://localhost:5000')
  })
})

test('without a namespace a repository lands at the top, by its own name, as skopeo has it', () => {
  const result = imported('quay.io: {images: {org/app: [v1]}}', { from: 'skopeo', to: 'mirror.example.org' })
  expect(copied(loaded(result), 'quay.io', ['org/app:v1'])).toEqual(['org/app:v1 → mirror.example.org/app:v1'])
})

test('what is neither a tag nor a digest is left out with its place', () => {
  const result = imported('quay.io: {images: {org/app: [v1, "v*", "sha256:x"]}}', {
    from: 'skopeo',
    to: 'm.example.org/m',
  })
  expect(loaded(result).policies.map(({ filters }) => filters.tag)).toEqual([['v1']])
  expect(said(result).filter((line) => line.includes('neither'))).toEqual([
    '1:34 `v*` is neither a tag nor a digest [correct it, and import again]',
    '1:40 `sha256:x` is neither a tag nor a digest [correct it, and import again]',
  ])
})

test.each([
  ['images: [a]', '1:9 this is not a file of skopeo: `images` must be a mapping'],
  ['quay.io: {images: {a: {b: c}}}', '1:23 this is not a file of skopeo'],
])('a file of another form is refused at its place: %s', (text, expected) => {
  expect(refused(text, { from: 'skopeo', to: 'mirror.example.org' })[0]).toContain(expected)
})

test('where to is asked for, and an option of another tool refused', () => {
  expect(refused('quay.io: {}', { from: 'skopeo' })[0]).toContain('skopeo has the destination on its command line')
  expect(refused('sync: []', { from: 'regsync', to: 'a.b' })[0]).toContain('--to means nothing with --from regsync')
  expect(refused('sync: []', { from: 'regsync', auth: 'a: b' })[0]).toContain(
    '--auth means nothing with --from regsync',
  )
})

test('a tag with a digest is that digest under that tag', () => {
  const result = imported(`quay.io: {images: {org/app: [v1, "v2@${DIGEST}"]}}`, {
    from: 'skopeo',
    to: 'm.example.org/m',
  })
  expect(loaded(result).policies.map(({ filters }) => filters.tag)).toEqual([['v1'], [`v2@${DIGEST}`]])
  expect(said(result).join()).not.toContain('neither')
})
