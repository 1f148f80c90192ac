/** What spoke TLS with another tool speaks TLS here, with the same check of certificates. */

import { expect, test } from 'vitest'
import { imported, loaded, said } from './setup.ts'

const urls = (result: ReturnType<typeof imported>): readonly (string | undefined)[] =>
  [...loaded(result, { HARBOR_URL: 'https://h' }).registries.values()].map(({ url }) => url)

test('a registry on this machine is asked over TLS, where a bare host would mean plain HTTP', () => {
  const skopeo = { from: 'skopeo', to: 'localhost:5001/m' } as const
  expect(urls(imported('localhost:5000: {images: {a/x: ["1"]}}', skopeo))).toEqual([
    'https://localhost:5001',
    'https://localhost:5000',
  ])
  const regsync = 'sync: [{source: "localhost:5000/x:1", target: "127.0.0.1:5001/x:1", type: image}]'
  expect(urls(imported(regsync, { from: 'regsync' }))).toEqual(['https://localhost:5000', 'https://127.0.0.1:5001'])
  expect(urls(imported('localhost:5000/a/x:1: b.example.org/a/x', { from: 'image-syncer' }))).toEqual([
    'https://localhost:5000',
  ])
  const dregsy = (relay: string): string =>
    `${relay}tasks: [{name: t, source: {registry: "localhost:5000"}, target: {registry: b.example.org}, mappings: [{from: a/x}]}]`
  expect(urls(imported(dregsy('relay: skopeo\n'), { from: 'dregsy' }))).toEqual(['https://localhost:5000'])
  // Docker's daemon falls back to plain HTTP there, and is the relay if none is named.
  expect(loaded(imported(dregsy(''), { from: 'dregsy' })).registryOf('localhost:5000').url).toBe(
    'http://localhost:5000',
  )
})

test('it is asked in plain HTTP if the file says so', () => {
  const regsync = (creds: string): string =>
    `creds: [${creds}]\nsync: [{source: "localhost:5000/x:1", target: "b.example.org/x:1", type: image}]`
  for (const creds of [
    '{registry: "localhost:5000", tls: disabled}',
    '{registry: "localhost:5000", tls: Disabled}',
    '{registry: "http://localhost:5000"}',
    '{registry: "localhost:5000", scheme: http}',
  ]) {
    expect(urls(imported(regsync(creds), { from: 'regsync' })), creds).toEqual(['http://localhost:5000'])
  }
  const skopeo = imported('localhost:5000: {images: {a/x: ["1"]}, tls-verify: false}', {
    from: 'skopeo',
    to: 'b.example.org/m',
  })
  expect(urls(skopeo)).toEqual(['http://localhost:5000'])
})

test('settings of one registry that stand in two places are those of both', () => {
  const result = imported(
    `creds:
  - {registry: a.example.org, reqConcurrent: 3}
  - {registry: a.example.org, tls: insecure}
sync: [{source: "a.example.org/x:1", target: "b.example.org/x:1", type: image}]`,
    { from: 'regsync' },
  )
  expect(loaded(result).registries.get('a.example.org')).toMatchObject({ insecure: true, limits: { connections: 3 } })
})

test('`skip-tls-verify` of dregsy counts for skopeo only', () => {
  const text = (relay: string): string =>
    `${relay}tasks: [{name: t, source: {registry: a.example.org, skip-tls-verify: true}, target: {registry: b.example.org}, mappings: [{from: a/x}]}]`
  expect(loaded(imported(text('relay: skopeo\n'), { from: 'dregsy' })).registries.get('a.example.org')?.insecure).toBe(
    true,
  )
  for (const relay of ['', 'relay: docker\n']) {
    const result = imported(text(relay), { from: 'dregsy' })
    expect(loaded(result).registryOf('a.example.org').insecure).toBeUndefined()
    expect(said(result).join('\n')).toContain('`skip-tls-verify` has no effect on copies through Docker')
  }
})
