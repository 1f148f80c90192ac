/** A queue that cannot be relied on is refused at start, with clear words. */

import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { hasRedis } from '../support/redis.ts'
import { redis } from './workplace.ts'

const policy = (queue: string, more = ''): string => `
registries:
  from: { type: docker-registry, url: "http://127.0.0.1:1" }
policies:
  copy: { source: from/app, destination: "oci:layout" }
workers: { queue: "${queue}"${more} }
`

/** What each of the commands that need a queue says. */
async function said(queue: string, env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const here = program(env)
  const file = here.write('policy.yaml', policy(queue))
  const commands = [['run', '--workers'], ['worker'], ['workers', 'list']]
  const ended = await Promise.all(commands.map((command) => here.run([...command, '--config', file])))
  expect(
    ended.map(({ code }) => code),
    ended.map(({ stderr }) => stderr).join('\n'),
  ).toEqual([3, 3, 3])
  return ended.map(({ stderr }) => stderr)
}

describe.skipIf(!hasRedis())('a queue that cannot be used ends each command with status 3', () => {
  test('without the password', async () => {
    const { port } = await redis({}, 'sesame-open')
    for (const text of await said(`redis://127.0.0.1:${port}`)) expect(text).toContain('needs a password')
  })

  test('with a wrong password, which is shown nowhere', async () => {
    const { port } = await redis({}, 'sesame-open')
    const texts = await said(`redis://:$\{QUEUE_PASSWORD}@127.0.0.1:${port}`, { QUEUE_PASSWORD: 'wrong-horse' })
    for (const text of texts) {
      expect(text).toContain('refuses the password')
      expect(text).not.toContain('wrong-horse')
    }
  })

  test('where it may throw tasks away', async () => {
    const { url } = await redis({ arguments: ['--maxmemory-policy', 'allkeys-lru'] })
    for (const text of await said(url)) {
      expect(text).toContain('`maxmemory-policy` is allkeys-lru')
      expect(text).toContain('noeviction')
    }
  })

  test('where the database is not there', async () => {
    const { url } = await redis()
    for (const text of await said(`${url}/99`)) expect(text).toContain('DB index is out of range')
  })
})

test.skipIf(!hasRedis()).each([
  ['pa/ss@w#rd?x', 'pa/ss@w#rd?x'],
  ['100% \\ "ü:]', '100% \\ "ü:]'],
  ['a%2Fb', 'a/b'],
])('a password may have any characters, also escaped ones: %s', async (variable, password) => {
  const queue = await redis({}, 'plain')
  await queue.client.config('SET', 'requirepass', password)
  const url = queue.url.replace(':plain@', ':$' + '{QUEUE_PASSWORD}@')
  const here = program({ QUEUE_PASSWORD: variable })
  const { code, stderr } = await here.run(['workers', 'list', '--config', here.write('policy.yaml', policy(url))])
  expect(code, stderr).toBe(0)
})

test('nothing listens there', async () => {
  for (const text of await said('redis://127.0.0.1:1')) expect(text).toContain('ECONNREFUSED')
})

test('a server that is too old is named by its version', async () => {
  const port = await oldServer()
  for (const text of await said(`redis://127.0.0.1:${port}`)) expect(text).toContain('is Redis 5.0.3, which is too old')
})

test.each([
  ['redis://queue.example.com:6379', 'without TLS'],
  ['http://queue.example.com', 'is not a URL such as'],
  ['rediss://queue.example.com/one', 'is not a URL such as'],
])('the file is refused: %s', async (queue, text) => {
  const here = program()
  const file = here.write('policy.yaml', policy(queue))
  const { code, stderr } = await here.run(['run', '--workers', '--config', file])
  expect(code).toBe(2)
  expect(stderr).toContain(text)
  expect(stderr).toContain('policy.yaml:6')
})

test('a password that is written out is refused, and `insecure` allows what is not TLS', async () => {
  const here = program()
  const written = here.write('written.yaml', policy('rediss://:sesame-open@queue.example.com'))
  const open = here.write('open.yaml', policy('redis://queue.example.com', ', insecure: true'))
  expect((await here.run(['policies', 'validate', written])).stderr).toContain('the password in `queue` is written out')
  expect((await here.run(['policies', 'validate', open])).code).toBe(0)
})

test('without `workers:` the option says what to add', async () => {
  const here = program()
  const file = here.write('policy.yaml', policy('x').replace(/workers:.*/, ''))
  const { code, stderr } = await here.run(['run', '--workers', '--config', file])
  expect(code).toBe(2)
  expect(stderr).toContain('no configuration names a queue for workers')
  expect(stderr).toMatch(/name the file that has `workers: .* by --config, or add that/)
})

/** Answers as Redis 5 does. */
async function oldServer(): Promise<number> {
  const info = '# Server\r\nredis_version:5.0.3\r\nmaxmemory_policy:noeviction\r\n'
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => {
      for (const command of String(data)
        .toLowerCase()
        .match(/\r\n(hello|info|client|select)\r\n/g) ?? []) {
        if (command.includes('info')) socket.write(`$${info.length}\r\n${info}\r\n`)
        else if (command.includes('hello')) socket.write("-ERR unknown command 'HELLO'\r\n")
        else socket.write('+OK\r\n')
      }
    })
  })
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
