/** The types of credential in a configuration: which keys each has, and which of them an adapter takes. */

import { describe, expect, test } from 'vitest'
import { loadConfiguration } from '../../src/config/load.ts'
import type { CredentialConfig } from '../../src/core/registry.ts'
import { complaints, factsOf, registry } from './setup.ts'

const TYPES = ['basic', 'token', 'access_key', 'service_account', 'aws', 'google', 'azure', 'anonymous'] as const

/** A registry whose adapter takes every type. */
function load(credential: string): {
  readonly found: CredentialConfig | undefined
  readonly messages: readonly string[]
} {
  const text = registry('type: any', 'url: https://x.example.com', `credential: ${credential}`)
  const types = [{ ...factsOf('any'), credentials: TYPES }]
  try {
    const files = [{ path: '/project/policy.yaml', text }]
    const configuration = loadConfiguration(files, { env: { S: 's3cret', T: 'session' }, cwd: '/project', types })
    return { found: configuration.registries.get('r')?.credential, messages: [] }
  } catch (error) {
    return { found: undefined, messages: error instanceof Error ? error.message.split('\n') : [] }
  }
}

describe('a credential', () => {
  test.each<[string, CredentialConfig]>([
    ['{type: basic, username: a, password: "$S"}', { type: 'basic', username: 'a', password: 's3cret' }],
    ['{type: basic, username: a, password_file: ./f}', { type: 'basic', username: 'a', password_file: '/project/f' }],
    ['{type: token, username: a, token: "$S"}', { type: 'token', username: 'a', token: 's3cret' }],
    ['{type: token, password_file: ./f}', { type: 'token', password_file: '/project/f' }],
    [
      '{type: access_key, username: AKIA, password: "$S", token: "$T"}',
      { type: 'access_key', username: 'AKIA', password: 's3cret', token: 'session' },
    ],
    [
      '{type: access_key, username: AKIA, password_file: ./f}',
      { type: 'access_key', username: 'AKIA', password_file: '/project/f' },
    ],
    [
      '{type: service_account, password_file: ./key.json}',
      { type: 'service_account', password_file: '/project/key.json' },
    ],
    ['{type: service_account, password: "$S"}', { type: 'service_account', password: 's3cret' }],
    ['{type: aws}', { type: 'aws' }],
    ['{type: google}', { type: 'google' }],
    ['{type: azure}', { type: 'azure' }],
    ['{type: anonymous}', { type: 'anonymous' }],
  ])('may be %s', (text, expected) => {
    expect(load(text.replace(/\$(\w)/g, `\${$1}`))).toEqual({ found: expected, messages: [] })
  })

  test.each([
    ['{type: access_key, password_file: f}', 'a `access_key` credential needs `username`'],
    ['{type: access_key, username: a}', 'a `access_key` credential needs `password` or `password_file`'],
    ['{type: service_account, username: a, password_file: f}', 'a `service_account` credential has no `username`'],
    ['{type: service_account}', 'a `service_account` credential needs `password` or `password_file`'],
    ['{type: basic, username: a, password_file: f, token: "$S"}', 'a `basic` credential has no `token`'],
    ['{type: token, password: "$S", token: "$S"}', 'a `token` credential has no `password`'],
    ['{type: token, token: "$S", password_file: f}', 'give `token` or `password_file`, not both'],
    ['{type: aws, username: a}', 'a `aws` credential has no `username`'],
    ['{type: google, password_file: f}', 'a `google` credential has no `password_file`'],
  ])('may not be %s', (text, message) => {
    expect(load(text.replace(/\$(\w)/g, `\${$1}`)).messages).toEqual([message])
  })
})

test('of a type that the adapter does not take is refused at its place', () => {
  expect(complaints(registry('type: docker-registry', 'url: https://x', 'credential: {type: aws}'))).toEqual([
    'policy.yaml:5:24 `docker-registry` takes no credential of `type: aws` [it takes anonymous, basic, token]',
  ])
})
