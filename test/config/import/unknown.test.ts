/** A key that a format does not have is named with its place and goes alone: everything around it is imported. */

import { expect, test } from 'vitest'
import { imported, loaded, refused, said } from './setup.ts'

test('in a filter of Harbor, the filters stay', () => {
  const hub = { id: 2, name: 'hub', type: 'docker-hub', url: 'https://hub.docker.com' }
  const policy = {
    id: 1,
    name: 'p',
    src_registry: hub,
    dest_registry: null,
    dest_namespace: 'mirror',
    filters: [
      { type: 'name', value: 'library/**' },
      { type: 'tag', value: '1.*', extra: 1 },
    ],
    newer: true,
    enabled: true,
    override: true,
  }
  const result = imported(JSON.stringify([policy], undefined, 1), { from: 'harbor' })
  const { policies } = loaded(result, { HARBOR_URL: 'https://h.example.org' })
  expect(policies[0]?.filters).toMatchObject({ name: ['library/**'], tag: ['1.*'] })
  expect(said(result).filter((line) => line.includes('is not known'))).toEqual([
    '21:5 `extra` is not known [it is left out]',
    '24:3 `newer` is not known [it is left out]',
  ])
})

test('in a credential of regsync, all credentials and addresses stay', () => {
  const result = imported(
    `creds:
  - registry: registry.local:5000
    hostname: real.local:5000
    tls: disabled
    user: ann
    pass: '{{env "ANN"}}'
  - registry: other.example.org
    newKey: 1
    reqConcurrent: 2
sync:
  - source: registry.local:5000/a
    target: other.example.org/a
    type: repository
    odd: {deep: [1]}
    tags: {allow: [x], odder: 1}
`,
    { from: 'regsync' },
  )
  const { registries, policies } = loaded(result, { ANN: 'x' })
  expect(registries.get('registry.local-5000')).toMatchObject({
    url: 'http://real.local:5000',
    credential: { username: 'ann' },
  })
  expect(registries.get('other.example.org')?.limits).toEqual({ connections: 2 })
  expect(policies[0]).toMatchObject({ source: { registry: 'registry.local-5000' }, filters: { regex: { tag: ['x'] } } })
  expect(said(result)).toEqual([
    '8:5 `newKey` is not known [it is left out]',
    '14:5 `odd` is not known [it is left out]',
    '15:24 `odder` is not known [it is left out]',
  ])
})

test('in a mapping of dregsy and its relay, the rest stays', () => {
  const result = imported(
    `relay: skopeo
skopeo: {binary: skopeo, mode: fast}
tasks:
  - name: t
    source: {registry: a.example.org, colour: red}
    target: {registry: b.example.org}
    mappings:
      - {from: x/y, platform: all, tags: ['1'], speed: 3}
      - {from: x/z, platform: all, tags: ['2']}
`,
    { from: 'dregsy' },
  )
  expect(loaded(result).policies.map(({ filters }) => filters.tag)).toEqual([['1'], ['2']])
  expect(said(result).filter((line) => line.includes('is not known'))).toEqual([
    '2:26 `mode` is not known [it is left out]',
    '5:39 `colour` is not known [it is left out]',
    '8:49 `speed` is not known [it is left out]',
  ])
})

test('in a registry of skopeo and of image-syncer, its images stay', () => {
  const skopeo = imported('a.example.org:\n  images: {x: ["1"]}\n  retries: 3\n', {
    from: 'skopeo',
    to: 'b.example.org/m',
  })
  expect(loaded(skopeo).policies).toHaveLength(1)
  expect(said(skopeo)).toContain('3:3 `retries` is not known [it is left out]')
  const token = imported('a.example.org: {images: {x: ["1"]}, credentials: {username: ann, identitytoken: hunter2}}', {
    from: 'skopeo',
    to: 'b.example.org/m',
  })
  expect(said(token).join('\n')).toContain('`identitytoken` is not known')
  expect(token.yaml).toContain('username: ann')
  expect(JSON.stringify(token)).not.toContain('hunter2')
  const syncer = imported('auth: {}\nimages: {"a.example.org/x:1": b.example.org/x}\nproc: 3\n', {
    from: 'image-syncer',
  })
  expect(loaded(syncer).policies).toHaveLength(1)
  expect(said(syncer)).toContain('3:1 `proc` is not known [it is left out]')
})

test('beside something malformed, the malformed place is named and nothing is imported', () => {
  const text = 'sync:\n  - source: a\n    target: b\n    type: image\n    new: 1\n  - {source: c, type: image}\n'
  expect(refused(text, { from: 'regsync' })).toEqual(['6:5 this is not a file of regsync: `target` is missing'])
})
