/** What every request to the daemon meets: its limits, its errors, its certificate. */

import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { defaultServe } from '../../src/config/serve.ts'
import { createListener, type Listener } from '../../src/serve/http/listener.ts'
import { until } from '../e2e/program.ts'
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
  const listener = await createListener(LOCAL, () => {}, { patience: { request: 5000, head: 3000, look: 50 } })
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

/** Nothing is given up for its silence. */
const PATIENT = { patience: { request: 240_000, head: 240_000, look: 2000 } }

/** Ended with the test. */
function connected(url: string, from = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: from }, () => resolve(socket))
    onTestFinished(() => void socket.destroy())
    socket.on('error', reject).resume()
  })
}

/** The head of the answer. */
function answerOn(socket: Socket, headers = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    socket.on('data', (chunk) => {
      said += String(chunk)
      if (said.includes('\r\n\r\n')) resolve(said)
    })
    socket.on('close', () => reject(new Error(`closed after: ${said}`)))
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)
  })
}

test('a thousand silent connections of one address leave another address its answer', async () => {
  const listener = await createListener(LOCAL, () => {}, PATIENT)
  listener.app.get('/', async () => 'here')
  onTestFinished(() => listener.close(0))
  const url = await listener.listen()
  const silent: Socket[] = []
  for (let count = 0; count < 1000; count += 1) silent.push(await connected(url))
  expect(await answerOn(await connected(url, '127.0.0.2'))).toMatch(/^HTTP\/1\.1 200 /)
  await until('what is too much is closed', () => silent.filter(({ closed }) => !closed).length <= 600)
  expect(silent.filter(({ closed }) => !closed)).toHaveLength(600)
  // Others of that address are let in, and what was silent for longest gives way.
  expect(await answerOn(await connected(url))).toMatch(/^HTTP\/1\.1 200 /)
  await until('the oldest gave way', () => silent.filter(({ closed }) => !closed).length === 599)
})

test('where all connections are taken, one of the address that has most gives way', async () => {
  const listener = await createListener(LOCAL, () => {}, PATIENT)
  listener.app.get('/', async () => 'here')
  onTestFinished(() => listener.close(0))
  const url = await listener.listen()
  const [many, few]: [Socket[], Socket[]] = [[], []]
  for (let count = 0; count < 600; count += 1) many.push(await connected(url))
  for (let count = 0; count < 400; count += 1) few.push(await connected(url, '127.0.0.2'))
  expect(await answerOn(await connected(url, '127.0.0.3'))).toMatch(/^HTTP\/1\.1 200 /)
  await until('one of the many gave way', () => many.filter(({ closed }) => !closed).length === 599)
  expect(few.filter(({ closed }) => closed)).toEqual([])
})

test('behind a proxy its silent connections stay, and requests count for the address that it says', async () => {
  const listener = await createListener(LOCAL, () => {}, { ...PATIENT, isProxied: () => true })
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  let begun = 0
  listener.app.get('/', async () => {
    begun += 1
    await answered
    return 'here'
  })
  onTestFinished(() => listener.close(0))
  onTestFinished(() => answer())
  const url = await listener.listen()
  const of = (address: string): string => `x-forwarded-for: 203.0.113.9, ${address}\r\n`
  const sockets: Socket[] = []
  for (let count = 0; count < 700; count += 1) sockets.push(await connected(url))
  const waiting = sockets.slice(0, 512).map((socket) => answerOn(socket, of('192.0.2.1')))
  for (const one of waiting) one.catch(() => {})
  await until('all are under way', () => begun === 512)
  const refused = await answerOn(await connected(url), of('192.0.2.1'))
  expect(refused).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: 1/)
  const other = answerOn(await connected(url), of('192.0.2.2'))
  answer()
  expect(await other).toMatch(/^HTTP\/1\.1 200 /)
  expect((await Promise.all(waiting)).every((said) => said.startsWith('HTTP/1.1 200 '))).toBe(true)
  expect(await answerOn(await connected(url), of('192.0.2.1'))).toMatch(/^HTTP\/1\.1 200 /)
  expect(sockets.filter(({ closed }) => closed)).toEqual([])
})

test.each([
  ['/api/v1/policies', 'application/problem+json', { code: 'too_many_requests', status: 429 }],
  ['/v2/team/app/manifests/1.0', 'application/json', { errors: [{ code: 'TOOMANYREQUESTS' }] }],
  ['/metrics', 'application/json', { error: 'too many requests of this address are being answered' }],
])('one request too many of an address is refused at %s as is usual there', async (path, type, body) => {
  const shares = { connections: { all: 1000, ofAddress: 600 }, requests: 1 }
  const listener = await createListener(LOCAL, () => {}, { ...PATIENT, shares })
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  let isUnderWay = false
  listener.app.get('/', async () => {
    isUnderWay = true
    await answered
    return 'here'
  })
  onTestFinished(() => listener.close(0))
  onTestFinished(() => answer())
  const url = await listener.listen()
  const first = answerOn(await connected(url))
  await until('the first is under way', () => isUnderWay)
  const refused = await fetch(`${url}${path}`)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect(refused.headers.get('content-type')).toContain(type)
  expect(await refused.json()).toMatchObject(body)
  answer()
  expect(await first).toMatch(/^HTTP\/1\.1 200 /)
})

test('requests that wait behind another one of their connection end with it', async () => {
  const shares = { connections: { all: 1000, ofAddress: 600 }, requests: 3 }
  const listener = await createListener(LOCAL, () => {}, { ...PATIENT, shares })
  let begun = 0
  listener.app.get('/slow', () => {
    begun += 1
    return new Promise(() => {})
  })
  listener.app.get('/', async () => 'here')
  onTestFinished(() => listener.close(0))
  const url = await listener.listen()
  const socket = await connected(url)
  socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3))
  await until('all are under way', () => begun === 3)
  expect(await answerOn(await connected(url))).toMatch(/^HTTP\/1\.1 429 /)
  socket.destroy()
  await until('they have ended', async () => (await answerOn(await connected(url))).startsWith('HTTP/1.1 200 '))
})

test('addresses of one IPv6 network count as one', async () => {
  const shares = { connections: { all: 1000, ofAddress: 600 }, requests: 1 }
  const listener = await createListener(LOCAL, () => {}, { ...PATIENT, shares, isProxied: () => true })
  let isUnderWay = false
  listener.app.get('/slow', () => {
    isUnderWay = true
    return new Promise(() => {})
  })
  listener.app.get('/', async () => 'here')
  onTestFinished(() => listener.close(0))
  const url = await listener.listen()
  const status = async (address: string, path = ''): Promise<number> =>
    (await fetch(`${url}/${path}`, { headers: { 'x-forwarded-for': address } })).status
  status('2001:db8::1', 'slow').catch(() => {})
  await until('the first is under way', () => isUnderWay)
  expect([await status('2001:db8::2'), await status('2001:db8:0:1::2'), await status('192.0.2.1')]).toEqual([
    429, 200, 200,
  ])
})

test('a connection with TLS that waits for an answer does not give way to a new one, but a silent one does', async () => {
  const directory = temporaryDirectory()
  const signer = authority('the daemon')
  const { cert, key } = signer.issue('IP:127.0.0.1')
  const tls = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  writeFileSync(tls.cert, cert)
  writeFileSync(tls.key, key)
  const shares = { connections: { all: 1000, ofAddress: 2 }, requests: 500 }
  const listener = await createListener({ ...LOCAL, tls }, () => {}, { ...PATIENT, shares })
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  let isUnderWay = false
  listener.app.get('/', async () => {
    isUnderWay = true
    await answered
    return 'here'
  })
  onTestFinished(() => listener.close(0))
  onTestFinished(() => answer())
  const { port } = new URL(await listener.listen())
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port: Number(port), host: '127.0.0.1', ca: signer.ca }, () => resolve(socket))
      onTestFinished(() => void socket.destroy())
      socket.on('error', reject).resume()
    })
  const first = answerOn(await open())
  await until('the first is under way', () => isUnderWay)
  const silent = await open()
  const third = answerOn(await open())
  await until('the silent one gave way', () => silent.closed)
  answer()
  expect([await first, await third].map((said) => said.slice(0, 12))).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
})
