/** A policy written in the words of its file means the same policy again. */

import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { policyDocument } from '../../../src/config/document/policy.ts'
import type { Policy } from '../../../src/core/policy.ts'
import { load, policy } from '../setup.ts'

function only(text: string): Policy {
  const [first] = load(text).policies
  if (!first) throw new Error('no policy')
  return first
}

const again = (one: Policy): Policy => only(stringify({ policies: { [one.name]: policyDocument(one) } }))

const digest = `sha256:${'a'.repeat(64)}`

describe('a policy', () => {
  test.each([
    [['source: docker.io/library/alpine:3.*', 'destination: registry.example.com/mirror']],
    [[`source: docker.io/library/alpine@${digest}`, 'destination: oci:./somewhere']],
    [
      [
        'source: {registry: a.example.com, namespaces: [x, y]}',
        'destination: [b.example.com/x, {registry: c.example.com, flatten: all}]',
        'filters: {name: "**", semver: ">=1", newest: 3, min_age: 90m, pushed_within: 5d, exclude: {tag: "*-rc*"}}',
        'triggers: [{schedule: "0 2 * * *", timezone: UTC}, {schedule: "@daily"}]',
        'retry: {attempts: 5, delay: 1500ms}',
        'max_deletions: 20%',
        'description: Everything',
      ],
    ],
  ])('%# is itself again', (lines) => {
    const before = only(policy(...lines))
    expect(again(before)).toEqual(before)
  })

  test('shows of what it calls only what is no secret', () => {
    const { prepare, notify } = policyDocument(
      only(
        policy(
          'source: a.example.com',
          'destination: b.example.com',
          'prepare: {handler: "/check?key=hidden"}',
          'notify: [{on: failed, webhook: "https://hooks.example.com/hidden"}, {on: stopped, exec: [page]}]',
        ),
      ),
    )
    expect(prepare).toMatchObject({ handler: '/check?***' })
    expect(notify).toEqual([
      { on: ['failed'], webhook: 'https://hooks.example.com/***' },
      { on: ['stopped'], exec: ['page'] },
    ])
  })
})
