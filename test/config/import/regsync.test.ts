/** regsync's files: what their policies copy is what regsync copies, and what differs is said. */

import { describe, expect, test } from 'vitest'
import { copied, imported, loaded, refused, said } from './setup.ts'

const FROM = { from: 'regsync' } as const
const DIGEST = `sha256:${'a'.repeat(64)}`
const ENV = { HUB_NAME: 'someone', HUB_SECRET: 'x', MIRROR_EXAMPLE_ORG_PASSWORD: 'x', MIRROR_EXAMPLE_ORG_USERNAME: 'y' }

const EVERYTHING = `
version: 1
x-common: &common
  type: repository
creds:
  - registry: mirror.example.org
    hostname: mirror-1.example.org
    user: pusher
    pass: hunter2-mirror
    tls: insecure
    reqPerSec: 7.5
    reqConcurrent: 6
    regcert: PEM-of-a-registry
    clientCert: PEM-of-a-client
    clientKey: KEY-of-a-client
    pathPrefix: hub
    mirrors: [other.example.org]
    priority: 2
    repoAuth: true
    blobChunk: 1000000
    blobMax: -1
    credExpire: 1h
    credHelper: docker-credential-x
    credHost: other.example.org
    token: hunter2-token
    api: docker
    apiOpts: {a: b}
  - registry: docker.io
    user: '{{env "HUB_NAME"}}'
    pass: '{{env "HUB_SECRET"}}'
  - registry: lab.example.org:5000
    tls: disabled
defaults:
  interval: 8h
  parallel: 3
  ratelimit: {min: 40, retry: 20m}
  skipDockerConfig: true
  backup: "old-{{.Ref.Tag}}"
  blobLimit: 8388608
  cacheCount: 100
  cacheTime: 2m
  userAgent: mine
  digestTags: true
  referrers: true
  referrerFilters: [{artifactType: application/example, annotations: {a: b}}]
  referrerSource: ghcr.io/example/sigs
  referrerTarget: mirror.example.org/sigs
  referrerSlow: true
  fastCheck: true
  forceRecursive: true
  includeExternal: true
  mediaTypes: [application/vnd.oci.image.index.v1+json]
  hooks: {pre: {type: exec, params: [a]}}
sync:
  - source: redis
    target: mirror.example.org/hub/{{ .Sync.Source }}
    <<: *common
    tags:
      allow: ['7', '7\\.\\d+', '7\\.\\d+-alpine']
      deny: ['7\\.0.*']
    platforms: [linux/amd64, linux/arm64/v8]
    schedule: CRON_TZ=Europe/Berlin 30 4 * * 1
  - source: quay.io/org/app:v2
    target: mirror.example.org/copies/app:v2
    type: image
    referrers: false
    digestTags: false
    interval: 90m
  - source: lab.example.org:5000
    target: mirror.example.org/lab
    type: registry
    repos: {allow: ['team-.*'], deny: ['team-b/.*']}
  - source: quay.io/org/tool
    target: mirror.example.org/org/tool
    type: repository
    tagSets:
      - semverRange: ['>=1.2.0 <2.0.0', '^3.1.0']
      - allow: [edge]
    platform: linux/amd64
`

describe('a regsync file with every key', () => {
  const result = imported(EVERYTHING, FROM)

  test('becomes policies that copy the same tags to the same places', () => {
    const configuration = loaded(result, ENV)
    const hub = ['7', '7.2', '7.0', '7.0.1', '7.2-alpine', '7.2.1', '6', 'latest'].map((tag) => `library/redis:${tag}`)
    expect(copied(configuration, 'docker.io', hub)).toEqual([
      'library/redis:7 → mirror.example.org/hub/redis:7',
      'library/redis:7.2 → mirror.example.org/hub/redis:7.2',
      'library/redis:7.2-alpine → mirror.example.org/hub/redis:7.2-alpine',
    ])
    const quay = ['org/app:v2', 'org/app:v1', 'org/tool:1.1.0', 'org/tool:1.9.9', 'org/tool:3.2.0', 'org/tool:edge']
    expect(copied(configuration, 'quay.io', quay)).toEqual([
      'org/app:v2 → mirror.example.org/copies/app:v2',
      'org/tool:1.9.9 → mirror.example.org/org/tool:1.9.9',
      'org/tool:3.2.0 → mirror.example.org/org/tool:3.2.0',
      'org/tool:edge → mirror.example.org/org/tool:edge',
    ])
    const lab = ['team-a/x:1', 'team-a/x/y:1', 'team-b/x:1', 'other/x:1']
    expect(copied(configuration, 'lab.example.org-5000', lab)).toEqual([
      'team-a/x:1 → mirror.example.org/lab/team-a/x:1',
      'team-a/x/y:1 → mirror.example.org/lab/team-a/x/y:1',
    ])
  })

  test('keeps schedules, platforms, limits and addresses', () => {
    const { registries, policies } = loaded(result, ENV)
    expect(registries.get('mirror.example.org')).toMatchObject({
      url: 'https://mirror-1.example.org',
      insecure: true,
      limits: { requests_per_second: 7.5, connections: 6 },
    })
    expect(registries.get('docker.io')?.limits).toEqual({ rate_limit_reserve: 40 })
    expect(registries.get('lab.example.org-5000')?.url).toBe('http://lab.example.org:5000')
    expect(policies.map(({ name, triggers }) => [name, triggers])).toEqual([
      ['redis', [{ schedule: '30 4 * * 1', timezone: 'Europe/Berlin' }]],
      ['app', [{ schedule: '0 * * * *' }]],
      ['lab.example.org-5000', [{ schedule: '0 */8 * * *' }]],
      ['tool', [{ schedule: '0 */8 * * *' }]],
      ['tool-2', [{ schedule: '0 */8 * * *' }]],
    ])
    expect(policies[0]?.filters.platforms).toEqual(['linux/amd64', 'linux/arm64/v8'])
    expect(policies.map(({ referrers }) => referrers)).toEqual([true, false, true, true, true])
    expect(policies.every(({ foreign_layers }) => foreign_layers)).toBe(true)
  })

  test('leaves its secrets behind and says where they are looked for', () => {
    const all = JSON.stringify(result)
    expect(all).not.toMatch(/hunter2|KEY-of|PEM-of/)
    expect(loaded(result, ENV).registries.get('docker.io')?.credential).toEqual({
      type: 'basic',
      username: 'someone',
      password: 'x',
    })
    expect(result.yaml).toMatch(/password: \$\{HUB_SECRET\}/)
    expect(result.yaml).toMatch(/password: \$\{MIRROR_EXAMPLE_ORG_PASSWORD\}/)
    expect(said(result)).toContainEqual(
      expect.stringMatching(/^9:5 the secret stays behind: .*\$\{MIRROR_EXAMPLE_ORG_PASSWORD\}/),
    )
  })

  test('names each key that has no counterpart, with its place and what to do instead', () => {
    const keys = said(result).flatMap(
      (line) => /^(\S+) `(\w+)` has no counterpart \[.+\]$/.exec(line)?.slice(1, 3).join(' ') ?? [],
    )
    expect(keys).toEqual([
      '13:5 regcert',
      '14:5 clientCert',
      '15:5 clientKey',
      '16:5 pathPrefix',
      '17:5 mirrors',
      '18:5 priority',
      '19:5 repoAuth',
      '20:5 blobChunk',
      '21:5 blobMax',
      '22:5 credExpire',
      '23:5 credHelper',
      '24:5 credHost',
      '25:5 token',
      '26:5 api',
      '27:5 apiOpts',
      '35:3 parallel',
      '36:24 retry',
      '37:3 skipDockerConfig',
      '38:3 backup',
      '39:3 blobLimit',
      '40:3 cacheCount',
      '41:3 cacheTime',
      '42:3 userAgent',
      '45:3 referrerFilters',
      '46:3 referrerSource',
      '47:3 referrerTarget',
      '48:3 referrerSlow',
      '49:3 fastCheck',
      '50:3 forceRecursive',
      '52:3 mediaTypes',
      '53:3 hooks',
    ])
  })

  test('tells what copies more or less than before', () => {
    expect(
      said(result)
        .filter((line) => /^(6\d|7\d|8\d|9\d)/.test(line))
        .map((line) => line.replace(/ \[.*/, '')),
    ).toEqual([
      expect.stringContaining('cron cannot say every 90m'),
      expect.stringContaining('pre-releases'),
      expect.stringContaining('only the image of `linux/amd64`'),
    ])
  })
})

const SYNC = (lines: string): string => `sync:\n  - ${lines.trim().replaceAll('\n', '\n    ')}\n`

describe('a sync of regsync', () => {
  test('that gives a tag another name is left to copy', () => {
    const result = imported(SYNC('source: alpine:3\ntarget: r.example.org/alpine:three\ntype: image'), FROM)
    expect(loaded(result).policies).toEqual([])
    expect(said(result)).toEqual([
      '2:5 the tag changes its name: a policy keeps tags as they are [use: replicate copy docker.io/library/alpine:3 r.example.org/alpine:three]',
    ])
  })

  test('that gives a repository another name is left to copy', () => {
    const result = imported(SYNC('source: alpine\ntarget: r.example.org/base/small\ntype: repository'), FROM)
    expect(said(result)).toEqual([
      "2:5 library/alpine would become base/small, which a policy cannot do [use: replicate copy 'docker.io/library/alpine:*' r.example.org/base/small]",
    ])
    expect(result.yaml).toContain('# line 2: library/alpine would become base/small')
  })

  test('keeps its expressions, without the anchors that are implied', () => {
    const result = imported(
      SYNC(
        "source: alpine\ntarget: r.example.org/library/alpine\ntype: repository\ntags:\n  allow: ['\\d+\\.\\d+.*', edge]\n  deny: '.*-rc'",
      ).replace("'.*-rc'", "['.*-rc']"),
      FROM,
    )
    expect(said(result)).toEqual([])
    expect(loaded(result).policies[0]?.filters).toMatchObject({
      regex: { tag: ['\\d+\\.\\d+.*', 'edge'], exclude: { tag: ['.*-rc'] } },
    })
  })

  test('whose expression is malformed says so at its place, and takes nothing by it', () => {
    const result = imported(
      SYNC("source: alpine\ntarget: r.example.org/library/alpine\ntype: repository\ntags:\n  allow: ['(a']"),
      FROM,
    )
    expect(loaded(result).policies).toEqual([])
    expect(said(result)).toEqual([expect.stringMatching(/^6:15 `\^\(a\$` is not a valid regular expression/)])
  })

  test.each([
    ['alpine:3', 'r.example.org/library/alpine:3', ['3'], undefined],
    [`alpine:3@${DIGEST}`, 'r.example.org/library/alpine:3', [`3@${DIGEST}`], undefined],
    [`alpine@${DIGEST}`, 'r.example.org/library/alpine', [`latest@${DIGEST}`], undefined],
    [`alpine@${DIGEST}`, 'r.example.org/library/alpine:pinned', [`pinned@${DIGEST}`], undefined],
    [`alpine@${DIGEST}`, `r.example.org/library/alpine@${DIGEST}`, undefined, DIGEST],
  ])('of the image %s to %s is that digest under that tag', (source, target, tag, digest) => {
    const result = imported(SYNC(`source: ${source}\ntarget: ${target}\ntype: image`), FROM)
    expect(said(result)).toEqual([])
    const [policy] = loaded(result).policies
    expect([policy?.filters.tag, policy?.filters.digest]).toEqual([tag, digest])
  })

  test('says which of its keys mean nothing for its type', () => {
    const result = imported(
      SYNC('source: a.example.org/x:1\ntarget: b.example.org/x:1\ntype: image\ntags: {allow: [a]}'),
      FROM,
    )
    expect(said(result)).toEqual([expect.stringContaining('`tags` means nothing for `type: image`')])
  })

  test('whose alternatives are not in brackets is read as regsync reads them', () => {
    const text = SYNC(
      "source: alpine\ntarget: r.example.org/library/alpine\ntype: repository\ntags:\n  allow: ['3|edge']",
    )
    const result = imported(text, FROM)
    const images = ['3', '3.1', 'my-edge', 'edge', 'edge-1'].map((tag) => `library/alpine:${tag}`)
    expect(copied(loaded(result), 'docker.io', images).length).toBe(4)
    expect(said(result)).toEqual([expect.stringContaining('regsync reads `3|edge` as `^3|edge$`')])
  })

  test.each([
    ['source: "{{ printf 1 }}"\ntarget: r.example.org/a\ntype: image', /template/],
    ['source: ocidir://images\ntarget: r.example.org/a\ntype: image', /replicate copy oci:images r\.example\.org\/a/],
    ['source: r.example.org/UPPER\ntarget: r.example.org/a\ntype: image', /does not name an image/],
  ])('that is not understood is left out: %s', (lines, expected) => {
    const result = imported(SYNC(lines), FROM)
    expect(loaded(result).policies).toEqual([])
    expect(said(result).join('\n')).toMatch(expected)
  })

  test.each([
    ['sync: {}', '1:7 this is not a file of regsync: `sync` must be a list'],
    ['tasks: []', '1:1 this is not a file of regsync: `sync` is missing'],
    [
      'sync:\n  - source: a\n    target: b\n    type: repo',
      '4:11 this is not a file of regsync: `type` must be one of registry, repository, image',
    ],
    ['version: 2\nsync: []', '1:10 this is not a file of regsync: `version`: only version 1 is known'],
    ['', 'undefined:undefined this is not a file of regsync: it is empty'],
    ['sync: [', '1:8 this is not a file of regsync: not YAML'],
  ])('that has another form is refused at its place: %j', (text, expected) => {
    expect(refused(text, FROM)[0]).toContain(expected)
  })
})
