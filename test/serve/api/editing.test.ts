/** The API writes what the command line writes for the same wishes, byte for byte. */

import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newPolicy } from '../../../src/cli/commands/policies/fields.ts'
import { serving } from '../serving.ts'
import { apiClient } from './client.ts'

const ENV = { TOKEN: 'a-token-for-the-user-of-the-shell' }
const POLICIES = '/replication/policies'

test('comments, anchors and flow style end up the same by the API and by commands', async () => {
  const { user, yaml, start } = await serving()
  const more = `  # Before the flow.
  flow: { source: {registry: from}, destination: {registry: to, namespace: flow}, filters: &some { tag: 'v*' } }  # behind it
  other:
    description: "quoted"   # spaced

    source: from/app
    destination: to/other
    filters: *some
  # At the end.
`
  const name = userInfo().username
  const text = `# The head.\n${yaml(more, `  tokens: [{ name: ${name}, token: "\${TOKEN}", role: admin }]\n`)}`
  user.write('api.yaml', text)
  user.write('cli.yaml', text)
  const daemon = await start(['api.yaml'], ENV)
  const ask = apiClient(daemon.url, ENV.TOKEN)
  // A day may end between the two.
  const textOf = (file: string): string =>
    readFileSync(join(user.directory, file), 'utf8').replaceAll(/\d{4}-\d\d-\d\d/g, 'DAY')
  const same = async (method: string, path: string, body: unknown, ...args: readonly string[]): Promise<void> => {
    const answer = await ask(method, path, body === undefined ? {} : { body })
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
    const { code, stderr } = await user.run(['--config', 'cli.yaml', ...args], { env: ENV })
    expect(code, stderr).toBe(0)
    expect(textOf('api.yaml'), args.join(' ')).toBe(textOf('cli.yaml'))
  }
  const definitionOf = async (policy: string) => (await ask('GET', `${POLICIES}/${policy}`)).body.definition
  const wished = newPolicy({ source: 'from/app:v*', destination: ['to/third'] })
  const create = ['policies', 'create', 'third', '--source', 'from/app:v*', '--destination', 'to/third']
  await same('POST', POLICIES, { name: 'third', definition: wished }, ...create)
  for (const policy of ['flow', 'other', 'third']) {
    await same('PUT', `${POLICIES}/${policy}`, { enabled: true }, 'policies', 'enable', policy)
    await same('PUT', `${POLICIES}/${policy}`, { enabled: false }, 'policies', 'disable', policy)
    await same('PUT', `${POLICIES}/${policy}`, { enabled: true }, 'policies', 'enable', policy)
    const definition = { ...(await definitionOf(policy)), deletion: 'owned' }
    await same('PUT', `${POLICIES}/${policy}`, { definition }, 'policies', 'update', policy, '--deletion', 'owned')
  }
  // As it is: no line is written.
  const before = textOf('api.yaml')
  const unchanged = await ask('PUT', `${POLICIES}/other`, { body: { definition: await definitionOf('other') } })
  expect(unchanged.status).toBe(200)
  expect(textOf('api.yaml')).toBe(before)
  for (const policy of ['third', 'other']) {
    await same('DELETE', `${POLICIES}/${policy}`, undefined, 'policies', 'delete', policy, '--yes')
  }
})
