/** Loading: defaults, places of errors, suggestions, what is refused. */

import { describe, expect, test } from 'vitest'
import { initialConfiguration } from '../../src/config/init.ts'
import { complaints, load, policy, problemsIn, registry } from './setup.ts'

const SMALLEST = policy('source: docker.io/library/alpine:3.*', 'destination: registry.example.com/mirror')

describe('a configuration', () => {
  test('may have several destinations', () => {
    const { policies } = load(
      policy('source: a.example.com', 'destination: [b.example.com/x, {registry: c.example.com, flatten: all}]'),
    )
    expect(policies[0]).toMatchObject({
      destination: { registry: 'b.example.com', namespace: 'x' },
      also: [{ registry: 'c.example.com', flatten: 'all' }],
    })
  })

  test('refuses the same destination twice', () => {
    const twice = policy('source: a.example.com', 'destination: [b.example.com/x, b.example.com/x]')
    expect(complaints(twice)).toEqual([
      expect.stringContaining('4:36 the destination `b.example.com/x` stands here twice'),
    ])
  })

  test('of two lines is filled up with defaults', () => {
    const { policies, registryOf } = load(SMALLEST)
    expect(policies).toEqual([
      {
        name: 'p',
        enabled: true,
        scope: 'system',
        source: { registry: 'docker.io' },
        destination: { registry: 'registry.example.com', namespace: 'mirror', flatten: 1, create: true, public: false },
        also: [],
        filters: {
          resource: 'all',
          name: ['library/alpine'],
          tag: ['3.*'],
          untagged: false,
          platforms_index: 'sparse',
          attestations: true,
        },
        order: 'oldest',
        on_overlap: 'skip',
        allow_empty: false,
        foreign_layers: false,
        verify: 'digest',
        referrers: true,
        override: true,
        deletion: 'never',
        triggers: [],
        retry: { attempts: 3, delay: 120_000 },
      },
    ])
    expect(registryOf('docker.io')).toEqual({
      name: 'docker.io',
      type: 'docker-hub',
      url: 'https://registry-1.docker.io',
    })
  })

  test('says everything that it can', () => {
    const { policies, registries } = load(
      `registries:
  harbor:
    type: docker-registry
    url: https://harbor.example.com/prefix/
    description: Production
    insecure: true
    ca: ./ca.pem
    client_cert: client.pem
    client_key: /keys/client.pem
    proxy: proxy.internal:3128
    user_agent: acme-mirror/1 (nightly)
    credential: {type: basic, username: robot$x, password: "\${PASSWORD}"}
    limits: {connections: 16, requests_per_second: 0.5, bandwidth: 100MiB/s}
  archive: {type: oci-layout, path: ./archive.tar}
policies:
  base.images:
    description: Base images
    enabled: false
    source: {registry: harbor, namespaces: library}
    destination: {registry: archive, namespace: mirror/x, flatten: all, create: false, public: true}
    filters:
      resource: image
      name: "library/{alpine,redis}"
      tag: [3.20, latest]
      semver: ">=3.18 <4"
      newest: 5
      untagged: true
      platforms: [linux/amd64, linux/arm64/v8]
      platforms_index: sparse
      attestations: false
      exclude: {name: library/alpine-extra, tag: "*-rc*"}
    order: newest
    on_overlap: skip
    allow_empty: true
    foreign_layers: true
    verify: full
    referrers: all
    override: false
    deletion: never
    retry: {attempts: 5, delay: 1m30s}
`,
      { env: { PASSWORD: 'hunter2' } },
    )
    expect(registries.get('harbor')).toEqual({
      name: 'harbor',
      type: 'docker-registry',
      url: 'https://harbor.example.com/prefix',
      description: 'Production',
      insecure: true,
      ca: '/project/ca.pem',
      client_cert: '/project/client.pem',
      client_key: '/keys/client.pem',
      written: {
        ca: { position: { file: 'policy.yaml', line: 7, column: 9 }, text: '    ca: ./ca.pem' },
        client_cert: expect.any(Object),
        client_key: expect.any(Object),
      },
      proxy: 'http://proxy.internal:3128',
      user_agent: 'acme-mirror/1 (nightly)',
      credential: { type: 'basic', username: 'robot$x', password: 'hunter2' },
      limits: { connections: 16, requests_per_second: 0.5, bandwidth: 104_857_600 },
    })
    expect(registries.get('archive')?.path).toBe('/project/archive.tar')
    expect(policies[0]).toMatchObject({
      name: 'base.images',
      enabled: false,
      source: { registry: 'harbor', namespaces: ['library'] },
      destination: { registry: 'archive', namespace: 'mirror/x', flatten: 'all', create: false, public: true },
      filters: {
        tag: ['3.20', 'latest'],
        newest: 5,
        attestations: false,
        exclude: { name: ['library/alpine-extra'], tag: ['*-rc*'] },
      },
      referrers: 'all',
      retry: { attempts: 5, delay: 90_000 },
    })
  })

  test('may be empty, and the file of `config init` loads as it stands', () => {
    expect(load('').policies).toEqual([])
    expect(load('# nothing\npolicies:\nregistries:\n').policies).toEqual([])
    expect(load(initialConfiguration()).policies.map(({ name }) => name)).toEqual(['alpine'])
  })

  test('keeps the order of the file, whatever the names', () => {
    const lines = ['z', '10', 'a', '2'].map((name) => `  ${name}: {source: a.example.com, destination: b.example.com}`)
    expect(load(['policies:', ...lines].join('\n')).policies.map(({ name }) => name)).toEqual(['z', '10', 'a', '2'])
  })

  test('may use anchors and merge keys', () => {
    const { policies } = load(`policies:
  a: &base
    source: a.example.com/x
    destination: b.example.com
    filters: &filters {newest: 2}
  b:
    <<: *base
    source: a.example.com/y
  c:
    source: a.example.com/z
    destination: b.example.com
    filters: *filters
`)
    expect(policies.map(({ filters }) => [filters.name, filters.newest])).toEqual([
      [['x'], 2],
      [['y'], 2],
      [['z'], 2],
    ])
  })
})

describe('what is wrong', () => {
  test('is told all at once, in order, with the offending line', () => {
    const text = `registries:
  hub: {type: docker-regstry}
policies:
  a:
    source: "hubb/x"
    destination: hub
    filters:
      tag: ["3.[z-a]"]
      newest: 0
      exlude: {}
    verify: disgest
    enabled: yes
  b:
    destination: hub
`
    expect(complaints(text)).toEqual([
      'policy.yaml:2:15 no adapter is named `docker-regstry` [did you mean `docker-registry`?]',
      'policy.yaml:5:14 no registry is named `hubb` [did you mean `hub`?]',
      'policy.yaml:8:17 `3.[z-a]` is not a valid pattern: the range ends before it begins',
      'policy.yaml:9:15 `newest`: `0` is not a whole number, 1 or more',
      'policy.yaml:10:7 unknown key `exlude` [did you mean `exclude`?]',
      'policy.yaml:11:13 `verify` must be one of off, digest, full [did you mean `digest`?]',
      'policy.yaml:12:14 `enabled`: `yes` is not `true` or `false`',
      'policy.yaml:13:3 `source` is missing',
    ])
    expect(problemsIn(text)[2]?.text).toBe('      tag: ["3.[z-a]"]')
  })

  test('is told of every file', () => {
    expect(complaints([policy('source: x'), 'policys: {}'])).toEqual([
      expect.stringContaining('policy.yaml:2:3 `destination` is missing'),
      expect.stringContaining('policy-2.yaml:1:1 unknown key `policys` [did you mean `policies`?]'),
    ])
  })

  test.each([
    ['policies:\n  a: [\n', 'policy.yaml:3:1 not YAML'],
    ['policies:\n  a: {}\n  a: {}\n', 'policy.yaml:3:3 this key stands here twice'],
    ['- a\n', 'policy.yaml:1:1 the file must be a mapping'],
    ['a: {}\n---\nb: {}\n', 'only one YAML document'],
    ['policies: {a: *nowhere}\n', 'not YAML'],
    ['policies:\n  "a/b": {}\n', 'policy.yaml:2:3 `a/b` is not a valid name'],
    [`a: ${'['.repeat(100_000)}`, 'nested too deeply'],
    [bomb(), 'Excessive alias count'],
    [policy('source: [x]', 'destination: b.example.com'), '3:13 `source` must be a single value or a mapping'],
    [
      policy('source: a.example.com', 'destination: b.example.com:1.0/x:2'),
      '4:18 no registry is named `b.example.com:1.0`',
    ],
    [policy('source: alpine:3.20', 'destination: b.example.com'), '3:13 no registry is named `alpine:3.20`'],
    [policy('source: a.example.com', 'destination: b.example.com/X'), '4:32 `X` is not a namespace'],
    [policy('source: a.example.com', 'destination: b.example.com/x:1'), '4:34 a destination has no tag'],
    [
      policy('source: a.example.com/x/{a', 'destination: b.example.com'),
      '3:29 `x/{a` is not a valid pattern: `{` is never closed',
    ],
    [
      policy('source: a.example.com/x', 'destination: b.example.com', 'filters: {name: y}'),
      '5:15 `filters.name` is given',
    ],
    [
      policy('source: a.example.com/x:1', 'destination: b.example.com', 'filters: {tag: y}'),
      '5:15 `filters.tag` is given',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {semver: foo}'),
      '5:23 `foo` is not a range',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {tag: "1.0@sha256:12"}'),
      '5:24 `1.0@sha256:12` is not a valid pattern: behind `@` stands no digest',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {tag: "redis:7.*"}'),
      '5:26 `redis:7.*` is not a valid pattern: a tag has no `:` [write the repository and its tags apart',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {exclude: {tag: "{x,redis/7}"}}'),
      'a tag has no `/`',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {name: "library/redis:7.*"}'),
      'the name of a repository has no `:` [write',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', "filters: {regex: {tag: ['1', 'v(1']}}"),
      '5:35 `v(1` is not a valid regular expression: missing closing ) [the syntax is that of RE2',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {regex: {exclude: {name: "a(?=b)"}}}'),
      '5:41 `a(?=b)` is not a valid regular expression: invalid or unsupported Perl syntax: `(?=`',
    ],
    [
      policy('source: a.example.com', 'destination: b.example.com', 'filters: {regex: {label: x}}'),
      '5:23 unknown key `label`',
    ],
    [registry('type: docker-registry'), '2:3 `url` is missing'],
    [registry('type: oci-layout'), '2:3 `path` is missing'],
    [registry('type: oci-layout', 'path: x', 'url: https://x'), '5:5 an `oci-layout` has a `path`'],
    [registry('type: docker-registry', 'url: ftp://x'), '4:10 `url`: `ftp://x` is not a URL'],
    [registry('type: docker-registry', 'url: http://x', 'client_key: x'), '5:5 `client_key` needs `client_cert`'],
    [
      registry('type: docker-registry', 'url: http://x', 'credential: {type: basic, password_file: x}'),
      '5:5 a `basic` credential needs `username`',
    ],
    [
      registry('type: docker-registry', 'url: http://x', 'credential: {type: token}'),
      '5:5 a `token` credential needs `token` or `password_file`',
    ],
    [
      registry('type: docker-registry', 'url: http://x', 'credential: {type: anonymous, username: x}'),
      '5:35 a `anonymous` credential has no `username`',
    ],
  ])('%# has its place', (text, expected) => {
    expect(complaints(text).join('\n')).toContain(expected)
  })

  test('is told once, also behind an anchor', () => {
    const text = `policies:
  a: &a {source: a.example.com, destination: b.example.com, verify: foo}
  b: *a
  c: {<<: *a}
`
    expect(complaints(text)).toHaveLength(1)
  })

  test('with the same name in two files names both places', () => {
    expect(complaints([SMALLEST, SMALLEST])).toEqual(['policy-2.yaml:2:3 `p` is defined twice, first at policy.yaml:2'])
  })
})

test.each([
  ['10%', '10%'],
  ['0.5%', '0.5%'],
  ['25', 25],
] as const)('max_deletions: %s is a share or a number', (text, value) => {
  const { policies } = load(policy('source: a.example.com', 'destination: b.example.com', `max_deletions: ${text}`))
  expect(policies[0]?.max_deletions).toBe(value)
})

test('max_deletions is nothing else', () => {
  const bad = (text: string) =>
    complaints([policy('source: a.example.com', 'destination: b.example.com', `max_deletions: ${text}`)])
  for (const text of ['101%', '-1', 'all', '1.5']) {
    expect(bad(text)).toEqual([
      `policy.yaml:5:20 \`max_deletions\`: \`${text}\` is not a percentage such as \`10%\`, or a whole number`,
    ])
  }
})

test('what begins with x- is a place for anchors', () => {
  const text = `x-limits: &gentle {connections: 4}
registries:
  a: {type: docker-registry, url: https://a.example.com, limits: *gentle}
  b: {type: docker-registry, url: https://b.example.com, limits: {<<: *gentle, requests_per_second: 5}}
`
  const { registries } = load(text)
  expect(registries.get('a')?.limits).toEqual({ connections: 4 })
  expect(registries.get('b')?.limits).toEqual({ connections: 4, requests_per_second: 5 })
  expect(complaints(`y-limits: {}\n${text}`).join()).toContain('unknown key `y-limits`')
})

describe('registries', () => {
  test("come from the user's configuration where a file does not define them", () => {
    const user = `registries:
  mine: {type: docker-registry, url: https://mine.example.com}
  other: {type: docker-registry, url: "\${UNSET}"}
policies:
  broken: {sauce: x}
`
    const { registries, policies } = load(policy('source: mine/x', 'destination: b.example.com'), { user })
    expect([...registries.keys()]).toEqual(['mine'])
    expect(policies.map(({ name }) => name)).toEqual(['p'])
    expect(complaints(policy('source: other/x', 'destination: b.example.com'), { user })).toEqual([
      '/home/me/config.yaml:3:39 the environment variable `UNSET` is not set',
    ])
  })

  test.each([
    ['docker.io', 'docker-hub', 'https://registry-1.docker.io'],
    ['Docker.IO', 'docker-hub', 'https://registry-1.docker.io'],
    ['hub.docker.com', 'docker-hub', 'https://registry-1.docker.io'],
    ['1234.dkr.ecr.eu-west-1.amazonaws.com', 'aws-ecr', 'https://1234.dkr.ecr.eu-west-1.amazonaws.com'],
    ['public.ecr.aws', 'aws-ecr-public', 'https://public.ecr.aws'],
    ['me.azurecr.io', 'azure-acr', 'https://me.azurecr.io'],
    ['europe-docker.pkg.dev', 'google-gar', 'https://europe-docker.pkg.dev'],
    ['eu.gcr.io', 'google-gar', 'https://eu.gcr.io'],
    ['ghcr.io', 'github-ghcr', 'https://ghcr.io'],
    ['quay.io', 'quay', 'https://quay.io'],
    ['quay.io.example.com', 'docker-registry', 'https://quay.io.example.com'],
    ['registry.gitlab.com', 'gitlab', 'https://registry.gitlab.com'],
    ['codeberg.org', 'gitea', 'https://codeberg.org'],
    ['me.jfrog.io', 'jfrog-artifactory', 'https://me.jfrog.io'],
    ['localhost:5000', 'docker-registry', 'http://localhost:5000'],
    ['10.0.0.1:5000', 'docker-registry', 'https://10.0.0.1:5000'],
  ])('named by the host %s are of type %s', (host, type, url) => {
    expect(load('').registryOf(host)).toEqual({ name: host, type, url })
  })

  test('without a URL answer at the address of their type, and a name that means nothing is refused', () => {
    const { registries, registryOf } = load('registries: {hub: {type: docker-hub}, q: {type: quay}}')
    expect(registries.get('hub')?.url).toBe('https://registry-1.docker.io')
    expect(registries.get('q')?.url).toBe('https://quay.io')
    expect(registryOf('oci:/x').type).toBe('oci-layout')
    expect(() => registryOf('nothing')).toThrow('no registry is named `nothing`')
  })
})

test.each([
  ['{registry: b.example.com}', undefined, 0],
  ['{registry: b.example.com, flatten: 1}', undefined, 1],
  ['{registry: b.example.com, flatten: all}', undefined, 'all'],
  ["{registry: b.example.com, namespace: ''}", undefined, 1],
  ["{registry: b.example.com, namespace: '', flatten: 2}", undefined, 2],
  ['{registry: b.example.com, namespace: m}', 'm', 1],
  ['b.example.com', undefined, 0],
  ['b.example.com/m', 'm', 1],
])('destination: %s lands in %s, with flatten %s', (destination, namespace, flatten) => {
  const { policies } = load(policy('source: a.example.com', `destination: ${destination}`))
  expect(policies[0]?.destination).toMatchObject({ flatten })
  expect(policies[0]?.destination.namespace).toBe(namespace)
})

describe('a policy that owns a namespace', () => {
  const owner = 'scope: namespace, source: {registry: a.example.com, namespaces: team}, destination: b.example.com'
  test.each([
    ['source: a.example.com', true],
    ['source: {registry: a.example.com, namespaces: "t*"}', true],
    ['source: a.example.com/team/app', true],
    ['source: a.example.com/team/a*', true],
    ['source: a.example.com/other/**', false],
    ['source: a.example.com/team/sub/app', false],
    ['source: {registry: a.example.com, namespaces: [x, y]}', false],
    ['source: c.example.com', false],
    ['enabled: false, source: a.example.com', false],
    ['source: named', true],
    ['source: a.example.com, filters: {exclude: {name: "team/**"}}', false],
    ['source: a.example.com, filters: {exclude: {name: team/app}}', true],
    ['source: a.example.com, filters: {regex: {exclude: {name: "team/.*"}}}', false],
  ])('conflicts with one of %s: %s', (source, conflict) => {
    const registries = 'registries: {named: {type: docker-registry, url: "https://a.example.com"}}\n'
    const text = `policies:\n  all: {${source}, destination: b.example.com}\n  team: {${owner}}\n${registries}`
    const found = complaints(text)
    expect(found).toHaveLength(conflict ? 1 : 0)
    if (conflict)
      expect(found[0]).toContain(
        '3:3 policy `team` cannot own the namespace `team`: the system policy `all` (policy.yaml:2)',
      )
  })

  test('conflicts with none as long as it is disabled', () => {
    const all = 'source: a.example.com, destination: b.example.com'
    expect(complaints(`policies:\n  all: {${all}}\n  team: {enabled: false, ${owner}}\n`)).toEqual([])
  })

  test('names exactly one', () => {
    expect(
      complaints(policy('scope: namespace', 'source: a.example.com/x/y', 'destination: b.example.com'))[0],
    ).toContain('exactly one namespace')
  })
})

/** Ten aliases in a list, nine levels deep. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const before = level === 0 ? 'x' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array.from({ length: 10 }, () => before).join(', ')}]`
  })
  return levels.join('\n')
}
