/** `replicate serve` without any configuration: one request makes a policy that runs. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { apiClient } from './client.ts'

test('a daemon without a configuration writes the quickstart, and runs it', async () => {
  const user = program()
  const config = user.write('config.yaml', 'serve: {listen: "127.0.0.1:0"}\n')
  const running = user.start(['serve'], { env: { REPLICATE_CONFIG: join(user.directory, config) } })
  await until('the daemon listens', () => running.said().includes('listening on'))
  const [, url = ''] = /listening on (\S+)/.exec(running.said()) ?? []
  const ask = apiClient(url, readFileSync(join(user.home, 'api-token'), 'utf8').trim())
  expect((await ask('GET', '/replication/policies')).body).toEqual([])
  expect(await ask('POST', '/quickstart', { body: {} })).toMatchObject({ status: 201, body: { policy: 'quickstart' } })
  expect((await ask('POST', '/quickstart', { body: {} })).status).toBe(409)
  expect((await ask('POST', '/replication/executions', { body: { policy_id: 'quickstart' } })).status).toBe(201)
  const last = async () => (await ask('GET', '/replication/executions/1')).body
  await until('it has ended', async () => (await last()).end_time !== null)
  expect(await last()).toMatchObject({ status: 'succeeded', failed: 0 })
  expect((await last()).succeed).toBeGreaterThan(2)
})
