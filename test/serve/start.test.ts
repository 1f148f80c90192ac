/** How the daemon starts, and why it does not. */

import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { serving } from './serving.ts'

test('a second daemon of one history is refused, and names the first; a dead one is followed', async () => {
  const { user, yaml, start } = await serving()
  user.write('serve.yaml', yaml())
  const daemon = await start()
  const second = await user.run(['serve', 'serve.yaml'])
  expect(second.code).toBe(5)
  expect(second.stderr).toContain(`the daemon with process ${daemon.process.pid} on`)
  expect(second.stderr).toContain('--home')
  daemon.kill('SIGKILL')
  await daemon.ended
  expect((await (await start()).readyz()).status).toBe(200)
})

test('an address that is taken ends it with status 3 and the address', async () => {
  const { user, yaml } = await serving()
  const other = createServer()
  const { promise: listening, resolve } = Promise.withResolvers<void>()
  other.listen(0, '127.0.0.1', resolve)
  await listening
  const address = other.address()
  const port = typeof address === 'object' && address ? address.port : 0
  user.write('serve.yaml', yaml().replace('127.0.0.1:0', `127.0.0.1:${port}`))
  const ended = await user.run(['serve', 'serve.yaml'])
  other.close()
  expect(ended.code).toBe(3)
  expect(ended.stderr).toContain(`cannot listen on 127.0.0.1:${port}: another process uses it`)
})

test.each([
  ['a broken file', ['broken.yaml'], 'broken.yaml'],
  ['a missing file', ['nowhere.yaml'], 'nowhere.yaml'],
  ['a certificate that is not there', ['tls.yaml'], 'cannot use the certificate'],
  ['standard input', ['-'], 'standard input'],
])('%s ends it with status 2', async (_, args, said) => {
  const { user } = await serving()
  user.write('broken.yaml', 'policies: {x: {}}\n')
  user.write('tls.yaml', 'policies: {}\nserve: {listen: 127.0.0.1:0, tls: {cert: no.pem, key: no.pem}}\n')
  const ended = await user.run(['serve', ...args], { stdin: 'policies: {}\n' })
  expect([ended.code, ended.stdout]).toEqual([2, ''])
  expect(ended.stderr).toContain(said)
})

test('--json says on standard output what happens, a line each, and -q only what went wrong', async () => {
  const { user, yaml, source } = await serving()
  user.write('serve.yaml', yaml('    triggers: [{schedule: "* * * * * *"}]\n'))
  const daemon = user.start(['serve', 'serve.yaml', '--json'])
  await until('an execution has ended', () => daemon.said().includes('"execution_ended"'))
  daemon.process.kill('SIGTERM')
  const lines = (await daemon.ended).stdout
    .trim()
    .split('\n')
    .map((line): { readonly type: string } => JSON.parse(line))
  expect(lines[0]).toMatchObject({ type: 'listening', url: expect.stringContaining('http://127.0.0.1:') })
  expect(lines.find(({ type }) => type === 'execution_started')).toMatchObject({
    time: expect.any(String),
    execution: { id: 1, policy: 'copy', trigger: 'schedule' },
  })
  expect(lines.find(({ type }) => type === 'execution_ended')).toMatchObject({
    policy: 'copy',
    exit_code: 0,
    execution: { id: 1, status: 'succeeded' },
    error: null,
  })
  expect(lines.at(-1)).toMatchObject({ type: 'ended' })
  await source.close()
  const quiet = user.start(['serve', 'serve.yaml', '-q'])
  await until('it complains', () => quiet.said() !== '')
  quiet.process.kill('SIGTERM')
  expect((await quiet.ended).stderr).not.toMatch(/started|listening|succeeded/)
})
