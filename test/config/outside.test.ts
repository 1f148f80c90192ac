/** Handlers and notifications of policies: what they become, what is refused with its place, and that secrets stay hidden. */

import { expect, test } from 'vitest'
import type { Policy } from '../../src/core/policy.ts'
import { complaints, DIRECTORY, load, policy, problemsIn } from './setup.ts'

const base = ['source: a.example.com', 'destination: b.example.com']
const HOOK = 'https://hooks.example.com/services/T1/s3cret'
const env = { HOOK, KEY: 'signing-key' }

function loaded(...lines: readonly string[]): Policy {
  const [found] = load(policy(...base, ...lines), { env }).policies
  if (!found) throw new Error('no policy')
  return found
}

test('a notification is a webhook, a channel or a command', () => {
  const { notify = [] } = loaded(
    'notify:',
    `  - {on: [failed, stopped], webhook: "\${HOOK}", secret: "\${KEY}"}`,
    `  - {on: succeeded, slack: "\${HOOK}"}`,
    '  - {on: failed, exec: [./page, "{policy}"]}',
    '  - {on: failed, exec: [logger, hello]}',
  )
  expect(notify.map(({ on }) => on)).toEqual([['failed', 'stopped'], ['succeeded'], ['failed'], ['failed']])
  const [webhook, slack, ...commands] = notify
  expect(webhook && 'webhook' in webhook && [webhook.webhook.reveal(), webhook.secret?.reveal()]).toEqual([
    HOOK,
    'signing-key',
  ])
  expect(slack && 'slack' in slack && slack.slack.reveal()).toBe(HOOK)
  expect(commands.map((one) => 'exec' in one && one.exec.map((part) => part.reveal()))).toEqual([
    [`${DIRECTORY}/page`, '{policy}'],
    ['logger', 'hello'],
  ])
})

test('a command shows what the file says where variables are in it', () => {
  const configuration = load(
    policy(
      ...base,
      `notify: [{on: failed, exec: ["\${TOOLS}/page", "--token=\${PAGER_TOKEN}", plain, "\${UNSET:-none}"]}]`,
    ),
    { env: { ...env, TOOLS: './bin', PAGER_TOKEN: 'k3y-of-the-pager' } },
  )
  const [command] = configuration.policies[0]?.notify ?? []
  if (!command || !('exec' in command)) throw new Error('no command')
  expect(command.exec.map((part) => part.reveal())).toEqual([
    `${DIRECTORY}/bin/page`,
    '--token=k3y-of-the-pager',
    'plain',
    'none',
  ])
  expect(JSON.parse(JSON.stringify(command.exec))).toEqual([
    `\${TOOLS}/page`,
    `--token=\${PAGER_TOKEN}`,
    'plain',
    `\${UNSET:-none}`,
  ])
  // What could be a key is redacted wherever it appears; a word is not.
  expect(configuration.secrets).toEqual(['k3y-of-the-pager'])
})

test('a handler is a path or a URL', () => {
  const handler = (text: string) => loaded(`prepare: {handler: "${text}", abort_on: [404, 500]}`).prepare
  expect(handler('/v2/manage?a=b')?.handler.reveal()).toBe('/v2/manage?a=b')
  expect(handler('https://platform.example.com/x')).toMatchObject({ abort_on: [404, 500] })
  expect(loaded('prepare: {handler: /x, abort_on: 403}').prepare?.abort_on).toEqual([403])
  expect(loaded('prepare: {handler: /x}').prepare?.abort_on).toEqual([])
})

test('as JSON a policy tells no address and no key', () => {
  const text = JSON.stringify(
    loaded(
      'prepare: {handler: "/x?key=abc"}',
      'notify:',
      `  - {on: failed, webhook: "\${HOOK}", secret: "\${KEY}"}`,
      `  - {on: failed, slack: "\${HOOK}"}`,
      '  - {on: failed, webhook: https://plain.example.com}',
    ),
  )
  expect(JSON.parse(text)).toMatchObject({
    prepare: { handler: '/x?***' },
    notify: [
      { webhook: 'https://hooks.example.com/***', secret: '***' },
      { slack: 'https://hooks.example.com/***' },
      { webhook: 'https://plain.example.com' },
    ],
  })
  for (const secret of ['s3cret', 'signing-key', 'abc']) expect(text).not.toContain(secret)
})

test('addresses that came from the environment are secrets', () => {
  const { secrets } = load(
    policy(...base, `prepare: {handler: "\${HOOK}"}`, `notify: [{on: failed, webhook: "\${HOOK}"}]`),
    {
      env,
    },
  )
  expect(secrets).toEqual([HOOK])
})

test.each([
  ['notify: [{on: failed}]', '5:14 a notification has one of `webhook`, `slack` and `exec`'],
  [
    'notify: [{on: failed, webhook: https://x, exec: [y]}]',
    '5:14 a notification has one of `webhook`, `slack` and `exec`, not several',
  ],
  [`notify: [{on: failed, exec: [y], secret: "\${KEY}"}]`, '5:38 `secret` signs a `webhook`, and nothing else'],
  ['notify: [{on: failed, exec: [""]}]', '5:33 `exec` begins with an empty command'],
  ['notify: [{on: failed, exec: []}]', '5:33 `exec`: it is empty'],
  ['notify: [{on: failed, webhook: "https://hooks<.example.com"}]', '5:36 `webhook` is not a URL'],
  ['notify: [{on: failed, webhook: hooks.example.com}]', '5:36 `webhook` is not a URL'],
  ['notify: [{on: failed, webhook: "https://me:pw@hooks.example.com"}]', '5:36 `webhook` is not a URL'],
  ['notify: [{on: failed, slack: https://hooks.example.com/x}]', '5:34 `slack` is written out in the file'],
  ['notify: [{on: failed, webhook: https://x, secret: abc}]', '5:55 `secret` is written out in the file'],
  ['notify: [{on: fail, webhook: https://x}]', '5:19 `on` must be one of failed, succeeded, stopped'],
  ['prepare: {handler: x}', '5:24 `handler` is neither a path nor a URL'],
  ['prepare: {handler: //x}', '5:24 `handler` is neither a path nor a URL'],
  ['prepare: {handler: "https://me:pw@x/y"}', '5:24 `handler` is neither a path nor a URL'],
  ['prepare: {handler: /x, abort_on: [99]}', '5:39 `abort_on`: `99` is not a whole number from 100 to 599'],
])('%s is refused at its place', (line, expected) => {
  const found = complaints(policy(...base, line), { env }).map((text) => text.replace(/ \[.*/, ''))
  expect(found).toEqual([`policy.yaml:${expected}`])
})

test('a path needs a destination with an address', () => {
  const text = policy('source: a.example.com', 'destination: oci:dir', 'prepare: {handler: /x}')
  expect(complaints(text)).toEqual([
    'policy.yaml:5:24 `handler` is a path, and the destination `oci:/project/dir` has no address [write a whole URL]',
  ])
})

test('a mistake in a secret does not show it', () => {
  const texts = [
    problemsIn(policy(...base, `notify: [{on: failed, slack: "\${HOOK}"}]`), { env: { HOOK: 'hunter2-hook' } }),
    problemsIn(policy(...base, 'notify: [{on: failed, slack: https://x.example.com/hunter2-hook}]')),
    problemsIn(policy(...base, 'notify: [{on: failed, webhook: "https://me:hunter2-hook@x.example.com"}]')),
  ]
  expect(texts.map((problems) => problems.length)).toEqual([1, 1, 1])
  expect(JSON.stringify(texts)).not.toContain('hunter2-hook')
})
