/** dregsy's files. */

import { describe, expect, test } from 'vitest'
import { copied, imported, loaded, refused, said } from './setup.ts'

const FROM = { from: 'dregsy' } as const
const AUTH = Buffer.from('{"username": "someone", "password": "hunter2"}').toString('base64')
const DIGEST = `sha256:${'ef56'.repeat(16)}`
const ENV = { SRC_EXAMPLE_ORG_PASSWORD: 'x' }

const EVERYTHING = `
relay: skopeo
watch: true
skopeo: {binary: /usr/bin/skopeo, certs-dir: /etc/skopeo/certs.d}
docker: {dockerhost: "unix:///var/run/docker.sock", api-version: 1.41}
lister: {maxItems: 50, cacheDuration: 2h}
tasks:
  - name: nightly
    interval: 86400
    verbose: true
    source: {registry: src.example.org, auth: ${AUTH}}
    target: {registry: dst.example.org, auth: none, skip-tls-verify: true}
    mappings:
      - from: base/alpine
        to: copies/base/alpine
        tags: ['3', 'regex: 3\\.[0-9]+', 'semver: >=4.0.0 <5.0.0', '${DIGEST}', 'old@${DIGEST}']
        platform: all
      - from: base/other
        tags: ['regex: !.*-rc', 'keep: [0-9].*']
        platform: linux/arm64/v8
      - from: base/last
        tags: ['semver: >=1.0.0', 'keep: latest 2']
  - name: search
    interval: 45
    source:
      registry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
      auth-refresh: 10h
      lister: {type: index, search: app}
    target: {registry: 127.0.0.1:5000, skip-tls-verify: true}
    mappings:
      - {from: 'regex:team/app-.*', to: ecr, platform: all}
      - {from: 'regex:team/.*', to: 'regex:team/,mirror/of/', platform: all}
      - {from: 'regex:.*', to: 'regex:(.*),x/$1', platform: all}
      - {from: team/app, to: 'regex:team/(.+),group/$1', platform: all}
`

describe('a dregsy file with every key', () => {
  const result = imported(EVERYTHING, FROM)

  test('becomes policies that copy the same images to the same places', () => {
    const configuration = loaded(result, ENV)
    const images = [
      'base/alpine:3',
      'base/alpine:3.9',
      'base/alpine:3.9.1',
      'base/alpine:4.1.0',
      'base/alpine:5.0.0',
      'base/other:1',
      'base/other:1-rc',
      'base/other:x',
    ]
    expect(copied(configuration, 'src.example.org', images).toSorted()).toEqual([
      'base/alpine:3 → dst.example.org/copies/base/alpine:3',
      'base/alpine:3.9 → dst.example.org/copies/base/alpine:3.9',
      'base/alpine:4.1.0 → dst.example.org/copies/base/alpine:4.1.0',
      'base/other:1 → dst.example.org/base/other:1',
    ])
    const ecr = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
    expect(copied(configuration, ecr, ['team/app-x:1', 'team/app:1'])).toEqual([
      'team/app-x:1 → 127.0.0.1-5000/ecr/team/app-x:1',
      'team/app-x:1 → 127.0.0.1-5000/mirror/of/app-x:1',
      'team/app:1 → 127.0.0.1-5000/mirror/of/app:1',
      'team/app:1 → 127.0.0.1-5000/group/app:1',
    ])
    expect(configuration.policies.find(({ filters }) => filters.newest === 2)?.filters.semver).toBe('>=1.0.0')
    expect(configuration.policies.flatMap(({ filters }) => filters.digest ?? [])).toEqual([DIGEST])
    expect(configuration.policies.flatMap(({ filters }) => filters.tag ?? [])).toContain(`old@${DIGEST}`)
  })

  test('keeps intervals and addresses, and no secret', () => {
    const { registries, policies } = loaded(result, ENV)
    expect(policies[0]?.triggers).toEqual([{ schedule: '0 0 * * *' }])
    expect(registries.get('src.example.org')?.credential).toEqual({ type: 'basic', username: 'someone', password: 'x' })
    expect(registries.get('dst.example.org')).toMatchObject({ insecure: true, credential: { type: 'anonymous' } })
    expect(registries.get('127.0.0.1-5000')?.url).toBe('http://127.0.0.1:5000')
    expect(JSON.stringify(result)).not.toMatch(new RegExp(`hunter2|${AUTH}`))
  })

  test('is told what has no counterpart, and what copies more or less', () => {
    expect(said(result).map((line) => line.replace(/ \[.*/, ''))).toEqual([
      '3:1 `watch` has no counterpart',
      '4:10 `binary` has no counterpart',
      '4:35 `certs-dir` has no counterpart',
      '5:10 `dockerhost` has no counterpart',
      '5:53 `api-version` has no counterpart',
      '6:1 `lister` has no counterpart',
      '10:5 `verbose` has no counterpart',
      expect.stringMatching(/^11:41 the secret stays behind/),
      expect.stringMatching(/^12:53 dst\.example\.org is used without a check/),
      expect.stringMatching(/^16:41 dregsy counts tags such as 1\.31\.1-musl/),
      expect.stringMatching(/^20:9 dregsy copies only the image of `linux\/arm64\/v8`/),
      expect.stringMatching(/^21:9 without `platform` dregsy copies only the one it runs on/),
      expect.stringMatching(/^22:16 dregsy counts tags/),
      '24:5 cron cannot say every 45 seconds: `*/30 * * * * *` is the nearest',
      '27:7 `auth-refresh` has no counterpart',
      '28:7 repositories are not found by `index`',
      expect.stringMatching(/^31:9 where all tags are taken signatures travel/),
      '33:32 a policy cannot change names like this',
    ])
  })
})

test('a range whose suffixes are kept is no range, and is left to patterns', () => {
  const text = `tasks:
  - name: t
    source: {registry: a.example.org}
    target: {registry: b.example.org}
    mappings: [{from: x/y, platform: all, tags: ['semver: >=1.0.0', 'keep: .+-musl']}]`
  const result = imported(text, FROM)
  expect(loaded(result).policies).toEqual([])
  expect(said(result).join('\n')).toContain('`semver` with this `keep` means tags such as 1.31.1-musl')
})

test.each([
  ['relay: podman\ntasks: []', '1:8 this is not a file of dregsy: `relay` must be one of skopeo, docker'],
  ['tasks:\n  - name: a', '2:5 this is not a file of dregsy: `source` is missing'],
  ['sync: []', '1:1 this is not a file of dregsy: `tasks` is missing'],
])('a file of another form is refused at its place: %j', (text, expected) => {
  expect(refused(text, FROM)[0]).toContain(expected)
})
