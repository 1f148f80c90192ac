/** What every request to the daemon meets: its limits, its errors, its certificate. */

import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { defaultServe } from '../../src/config/serve.ts'
import { createListener, type Listener } from '../../src/serve/http/listener.ts'
import { authority } from '../support/authority.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const LOCAL = { ...defaultServe(), host: '127.0.0.1', port: 0 }

async function listening(add: (listener: Listener) => void = () => {}) {
  const failures: string[] = []
  const listener = await createListener(LOCAL, (text) => void failures.push(text))
  add(listener)
  onTestFinished(() => listener.close(0))
  return { url: await listener.listen(), failures }
}

test('a body past its limit is refused before it was sent, and its connection is closed', async () => {
  const { url } = await listening(({ app }) => app.post('/', async () => 'read'))
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10485760\r\n\r\n{`)
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  expect(heard).toMatch(/^HTTP\/1\.1 413 /)
  expect(heard.toLowerCase()).toContain('connection: close')
})

test('what is not there, and what fails, is told in JSON, without what this program says to itself', async () => {
  const { url, failures } = await listening(({ app }) =>
    app.get('/broken', async () => {
      throw new Error('a secret of the program')
    }),
  )
  const missing = await fetch(`${url}/nowhere`)
  expect([missing.status, await missing.json()]).toEqual([404, { error: 'there is nothing here' }])
  const broken = await fetch(`${url}/broken`)
  expect(broken.status).toBe(500)
  expect(await broken.text()).not.toContain('secret')
  expect(broken.headers.get('server')).toBeNull()
  expect(failures).toEqual(['GET /broken: a secret of the program'])
})

test('a certificate that is renewed counts for the next connection, and a broken one leaves the one before', async () => {
  const directory = temporaryDirectory()
  const signer = authority('the daemon')
  const tls = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  const issue = (): void => {
    const { cert, key } = signer.issue('IP:127.0.0.1')
    writeFileSync(tls.cert, cert)
    writeFileSync(tls.key, key)
  }
  issue()
  const listener = await createListener({ ...LOCAL, tls }, () => {})
  onTestFinished(() => listener.close(0))
  const { port } = new URL(await listener.listen())
  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port: Number(port), host: '127.0.0.1', ca: signer.ca }, () => {
        resolve(socket.getPeerCertificate().serialNumber)
        socket.destroy()
      })
      socket.on('error', reject)
    })
  const first = await shown()
  issue()
  await listener.renew()
  const second = await shown()
  expect(second).not.toBe(first)
  writeFileSync(tls.key, 'no key')
  await expect(listener.renew()).rejects.toThrow('cannot use the certificate')
  expect(await shown()).toBe(second)
})

test.each([
  ['says nothing', ''],
  ['sends its head byte by byte', 'GET / HTTP/1.1\r\nhost: '],
  [
    'sends its body byte by byte',
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n',
  ],
])('a client that %s is given up, and others are answered meanwhile', async (_, beginning) => {
  const listener = await createListener(LOCAL, () => {}, { request: 5000, head: 3000, look: 50 })
  listener.app.get('/', async () => 'here')
  listener.app.post('/', async () => 'read')
  onTestFinished(() => listener.close(0))
  const url = await listener.listen()
  const slow = connect(Number(new URL(url).port), '127.0.0.1')
  slow.on('error', () => {})
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  slow.on('close', resolve).resume()
  slow.write(beginning)
  const drip = setInterval(() => beginning !== '' && !slow.destroyed && slow.write('1'), 50)
  onTestFinished(() => {
    clearInterval(drip)
    slow.destroy()
  })
  expect(await (await fetch(url)).text()).toBe('here')
  await closed
  expect(await (await fetch(url)).text()).toBe('here')
})

test('a thousand connections are held, and one more is closed at once', async () => {
  // They are opened one by one, which may take a while.
  const listener = await createListener(LOCAL, () => {}, { request: 240_000, head: 240_000, look: 2000 })
  listener.app.get('/', async () => 'here')
  onTestFinished(() => listener.close(0))
  const url = await listener.listen()
  const sockets: Socket[] = []
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket))
      socket.on('error', reject)
      sockets.push(socket)
    })
  for (let count = 0; count < 1000; count += 1) await open()
  const { promise: refused, resolve } = Promise.withResolvers<void>()
  const last = await open()
  last.on('close', () => resolve()).resume()
  await refused
  const [first] = sockets
  const { promise: heard, resolve: hear } = Promise.withResolvers<string>()
  first?.on('data', (chunk) => hear(String(chunk)))
  first?.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(await heard).toMatch(/^HTTP\/1\.1 200 /)
})
