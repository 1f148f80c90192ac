/** What `--untrusted` refuses of a file, each with its place. */

import { expect, test } from 'vitest'
import { complaints, load } from './setup.ts'

const setup = { untrusted: true, env: { SECRET: 'hidden', NAME: 'app' } } as const

const file = (registry: string, policy = '{ source: r/app, destination: docker.io/mine }'): string =>
  withVariables(`registries:\n  r: ${registry}\npolicies:\n  p: ${policy}\n`)

/** `$[NAME]` stands for what a file writes with braces. */
function withVariables(text: string): string {
  return text.replaceAll(/\$\[([^\]]*)\]/g, '$${$1}')
}

const PLAIN = '{ type: docker-registry, url: https://r.example.com }'

test.each([
  ['{ type: ./mine.js, url: https://r.example.com }', '2:14 `type` runs code'],
  ['{ type: "module:theirs", url: https://r.example.com }', '2:14 `type` runs code'],
  ['{ type: oci-layout, path: /var/lib }', '2:32 `path` names a file'],
  ['{ type: docker-registry, url: https://r.example.com, ca: ../x }', '2:63 `ca` names a file'],
  [
    '{ type: docker-registry, url: https://r.example.com, credential: { type: token, password_file: /etc/passwd } }',
    '2:101 `password_file` names a file',
  ],
  ['{ type: docker-registry, url: https://r.example.com, allow_addresses: [127.0.0.1] }', '`allow_addresses` opens'],
  ['{ type: docker-registry, url: "https://$[SECRET].example.com" }', '2:36 `$[SECRET]` could be sent'],
  ['{ type: docker-registry, url: "https://x/$[UNSET:-y]" }', '2:36 `$[UNSET:-y]` could be sent'],
  ['{ type: aws-ecr, url: https://thief.example.com }', "2:28 `url` would get this machine's own credential"],
  ['{ type: google-gar, url: https://thief.example.com }', "`url` would get this machine's own credential"],
])('a registry: %s', (registry, expected) => {
  const found = complaints(file(registry), setup)
  expect(found).toEqual([expect.stringContaining(withVariables(expected))])
  expect(found.join()).not.toContain('hidden')
})

test.each([
  ['{ source: "oci:./dir", destination: r/x }', '4:16 `source` names a file'],
  ['{ source: r/x, destination: ["tar:a.tar"] }', '4:35 `destination` names a file'],
  ['{ source: r/x, destination: { registry: "oci:dir" } }', '4:46 `registry` names a file'],
  ['{ source: r/x, destination: docker.io/y, notify: [{ on: failed, exec: [id] }] }', '`exec` runs a command'],
  ['{ source: "r/$[NAME]", destination: docker.io/y }', '4:16 `$[NAME]` could be sent'],
  ['{ source: r/x, destination: docker.io/y, filters: { tag: "$[SECRET]" } }', '`$[SECRET]` could be sent'],
  [
    '{ source: r/x, destination: docker.io/y, prepare: { handler: "https://x/$[SECRET]" } }',
    '`$[SECRET]` could be sent',
  ],
])('a policy: %s', (policy, expected) => {
  const found = complaints(file(PLAIN, policy), setup)
  expect(found).toEqual([expect.stringContaining(withVariables(expected))])
})

test('what only copies between registries is welcome, and may use the registries of the user, who may do anything', () => {
  const theirs = file(
    PLAIN,
    '{ source: r/app, destination: mine/x, notify: [{ on: failed, webhook: https://x.example.com }] }',
  )
  const user = 'registries:\n  mine: { type: docker-registry, url: "https://$[NAME].example.com", ca: /etc/ca.pem }\n'
  const { registries } = load(theirs, { ...setup, user: withVariables(user) })
  expect(registries.get('r')).toMatchObject({ untrusted: true })
  expect(registries.get('mine')).toEqual(
    expect.not.objectContaining({ untrusted: true, url: expect.stringContaining('$') }),
  )
})

test('a cloud may be named where it is, and another host without a credential', () => {
  expect(
    complaints(file('{ type: aws-ecr, url: https://123456789012.dkr.ecr.eu-west-1.amazonaws.com }'), setup),
  ).toEqual([])
  const anonymous = '{ type: google-gar, url: https://x.example.com, credential: { type: anonymous } }'
  expect(complaints(file(anonymous), setup)).toEqual([])
})

test('a file that is trusted may do all that', () => {
  const registry = '{ type: oci-layout, path: ./x }'
  expect(complaints(file(registry), { env: setup.env })).toEqual([])
})
