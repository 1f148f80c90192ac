/** Who did what over the API and by commands, as the API and `replicate audit` say it. */

import { userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AuditLine } from '../../../src/core/audit.ts'
import { serving } from '../serving.ts'
import { apiClient } from './client.ts'

const TOKENS = `  tokens:
    - { name: ann, token: "\${ANN_TOKEN}", role: admin }
    - { name: oscar, token: "\${OSCAR_TOKEN}", role: operator }
`
const ENV = { ANN_TOKEN: 'a-token-for-ann-of-the-admins', OSCAR_TOKEN: 'a-token-for-oscar-the-operator' }

const said = ({ who, role, verb, noun, name, detail }: AuditLine): string =>
  `${who} (${role ?? 'no role'}) ${verb} ${noun} ${name}: ${detail ?? ''}`

test('each change and start is a line, of the API and of commands; what was refused is none', async () => {
  const all = await serving()
  const file = join(all.user.directory, all.user.write('serve.yaml', all.yaml('', TOKENS)))
  const daemon = await all.start(['serve.yaml'], ENV)
  const ask = apiClient(daemon.url, ENV.ANN_TOKEN)
  const definition = { source: { registry: 'from' }, destination: { registry: 'to', namespace: 'other' } }
  expect((await ask('POST', '/replication/policies', { body: { name: 'other', definition } })).status).toBe(201)
  expect((await ask('POST', '/replication/policies?dry_run=true', { body: { name: 'no', definition } })).status).toBe(
    200,
  )
  expect((await ask('PUT', '/replication/policies/other', { body: { enabled: false } })).status).toBe(200)
  // Nothing changes.
  expect((await ask('PUT', '/replication/policies/other', { body: { enabled: false } })).status).toBe(200)
  const token = ENV.OSCAR_TOKEN
  expect((await ask('DELETE', '/replication/policies/other', { token })).status).toBe(403)
  const begun = await ask('POST', '/replication/executions', { token, body: { policy_id: 'copy' } })
  expect(begun.status).toBe(201)
  expect((await ask('POST', '/replication/executions', { body: { policy_id: 'none' } })).status).toBe(404)
  expect((await ask('DELETE', '/replication/policies/other')).status).toBe(204)
  const answer = await ask('GET', '/audit', { token })
  expect(answer.body.map(said).toReversed()).toEqual([
    `ann (admin) created policy other: ${file}`,
    `ann (admin) changed policy other: ${file}`,
    `oscar (operator) started policy copy: execution ${begun.body.id}`,
    `ann (admin) removed policy other: ${file}`,
  ])
  expect(answer.body.every(({ origin }: AuditLine) => origin === '127.0.0.1')).toBe(true)
  expect(answer.headers.get('x-total-count')).toBe('4')
  const narrowed = await ask('GET', '/audit?q=who=oscar,verb=started')
  expect(narrowed.body.map(({ name }: AuditLine) => name)).toEqual(['copy'])
})

test('commands that change or start something are lines too, by the user of the shell', async () => {
  const { user, yaml } = await serving()
  user.write('config.yaml', yaml())
  const config = ['--config', 'config.yaml']
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await user.run([...config, ...args])
    expect(code, stderr).toBe(0)
    return stdout
  }
  await run('policies', 'create', 'other', '--source', 'from/app', '--destination', 'to/other')
  await run('policies', 'disable', 'other')
  await run('policies', 'disable', 'other')
  await run('registries', 'update', 'from', '--description', 'where it comes from')
  await run('run', 'copy')
  await run('plan', 'copy')
  await run('policies', 'delete', 'other', '--yes')
  await run('executions', 'prune', '--keep', '1', '--yes')
  const lines = JSON.parse(await run('audit', '--json')) as readonly AuditLine[]
  expect(lines.map(({ verb, noun, name }) => `${verb} ${noun} ${name}`).toReversed()).toEqual([
    'created policy other',
    'changed policy other',
    'changed registry from',
    'started policy copy',
    'removed policy other',
  ])
  expect(new Set(lines.map(({ who, role, origin }) => `${who} ${role} ${origin}`))).toEqual(
    new Set([`${userInfo().username} null cli`]),
  )
  expect(await run('audit', '--limit', '1')).toMatch(/WHEN .*\n.* cli +removed +policy other/)
  expect(JSON.parse(await run('audit', '--since', '1ms', '--json'))).toEqual([])
})
