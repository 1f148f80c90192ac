/** The pump's connections: kept, dropped, replaced when they went stale; and what it leaves to others. */

import { createServer, type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { BodySource, HttpResponse } from '../../../src/core/http.ts'
import type { Outgoing } from '../../../src/http/outgoing.ts'
import { createPump, type Pump } from '../../../src/http/pump/pump.ts'
import { failure, read } from '../server.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

test('asks again on a new connection when an idle one turns out to be closed', async () => {
  const server = await listening((socket, { connection, request }) => {
    if (connection === 0 && request === 1) socket.destroy()
    else socket.write(OK)
  })
  const pump = createTestPump()
  for (let round = 0; round < 2; round += 1) expect(await text(pump.send(get(server.url), raw))).toBe('ok')
  expect(server.connections).toBe(2)
})

test('asks only once again', async () => {
  const server = await listening((socket, { request, connection }) => {
    if (connection === 0 && request === 0) socket.write(OK)
    else socket.destroy()
  })
  const pump = createTestPump()
  expect(await text(pump.send(get(server.url), raw))).toBe('ok')
  expect(await failure(pump.send(get(server.url), raw))).toMatchObject({
    message: expect.stringMatching(/^connection closed|ECONNRESET/),
  })
  expect(server.connections).toBe(2)
})

test('does not ask again when bytes of an upload went out', async () => {
  const server = await listening((socket, { request }) => {
    if (request === 0) socket.write(OK)
    else socket.destroy()
  })
  const pump = createTestPump()
  await text(pump.send(get(server.url), raw))
  expect(await failure(pump.send(put(server.url, 'abc'), raw))).toBeInstanceOf(Error)
  expect(server.connections).toBe(1)
})

test('sends an upload on a new connection when the idle one closed before its first byte', async () => {
  const server = await listening((socket) => socket.write(OK))
  const pump = createTestPump()
  await text(pump.send(get(server.url), raw))
  let opened = 0
  const body: BodySource = {
    size: 3,
    async open() {
      opened += 1
      await server.drop()
      return bytes('abc')
    },
  }
  expect(await text(pump.send({ ...put(server.url, ''), body }, raw))).toBe('ok')
  expect([opened, server.connections]).toEqual([1, 2])
})

test('drops an idle connection on which the server speaks unasked', async () => {
  const server = await listening((socket) => socket.write(OK))
  const pump = createTestPump()
  await text(pump.send(get(server.url), raw))
  const [socket] = server.sockets
  const closed = new Promise((resolve) => socket?.on('close', resolve))
  socket?.write(OK)
  await closed
  await text(pump.send(get(server.url), raw))
  expect(server.connections).toBe(2)
})

test('does not keep a connection with more bytes than the answer has', async () => {
  const server = await listening((socket) => socket.write(`${OK}HTTP/1.1 200 OK`))
  const pump = createTestPump()
  for (let round = 0; round < 2; round += 1) expect(await text(pump.send(get(server.url), raw))).toBe('ok')
  expect(server.connections).toBe(2)
})

test.each(['connection: close', 'keep-alive: timeout=1'])('does not keep a connection after `%s`', async (header) => {
  const server = await listening((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\n${header}\r\ncontent-length: 2\r\n\r\nok`),
  )
  const pump = createTestPump()
  for (let round = 0; round < 2; round += 1) await text(pump.send(get(server.url), raw))
  expect(server.connections).toBe(2)
})

test('keeps no more idle connections than there may be', async () => {
  const server = await listening((socket) => socket.write(OK))
  const pump = createTestPump(2)
  const round = () => Promise.all(Array.from({ length: 4 }, () => text(pump.send(get(server.url), raw))))
  await round()
  expect(server.connections).toBe(4)
  await round()
  expect(server.connections).toBe(6)
})

test('reads a chunked answer to an upload', async () => {
  const server = await listening((socket) =>
    socket.write(
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nok\r\nA\r\n0123456789\r\n0\r\nt: 1\r\n\r\n',
    ),
  )
  const pump = createTestPump()
  for (let round = 0; round < 2; round += 1) {
    expect(await text(pump.send(put(server.url, 'abc'), raw))).toBe('ok0123456789')
  }
  expect(server.connections).toBe(1)
})

test('the last chunk of a body stays as it is while its connection serves another', async () => {
  let letter = 'a'
  const server = await listening((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n${letter.repeat(50_000)}`),
  )
  const pump = createTestPump()
  let last: Uint8Array | undefined
  for await (const chunk of (await sent(pump.send(get(server.url), raw))).body) last = chunk
  const before = Buffer.from(last ?? [])
  letter = 'b'
  await text(pump.send(get(server.url), raw))
  expect(server.connections).toBe(1)
  expect(before.equals(last ?? Buffer.alloc(0))).toBe(true)
})

test('ends what is under way when it is closed', async () => {
  const server = await listening(() => {})
  const pump = createTestPump()
  const waiting = failure(pump.send(get(server.url), raw))
  await server.asked
  pump.close()
  expect(await waiting).toMatchObject({ message: 'the connection to the registry has been closed', retryable: false })
})

test('reaches a host that has several addresses, not all of which answer', async () => {
  const server = await listening((socket) => socket.write(OK))
  const url = server.url.replace('127.0.0.1', 'localhost')
  const pump = createTestPump()
  for (let round = 0; round < 2; round += 1) expect(await text(pump.send(get(url), raw))).toBe('ok')
})

test('sends an empty upload', async () => {
  const server = await listening((socket) => socket.write(OK))
  const body = { size: 0, open: async () => bytes() }
  expect(await text(createTestPump().send({ ...put(server.url, ''), body }, raw))).toBe('ok')
})

test('sends no header that would be two', async () => {
  const server = await listening((socket) => socket.write(OK))
  const request = { ...get(server.url), headers: { accept: 'a\r\nx: y' } }
  expect(await failure(createTestPump().send(request, raw))).toMatchObject({
    message: expect.stringContaining('header accept cannot be sent'),
  })
})

/** Errors as they come. */
const raw = { failure: (error: unknown) => error, redact: (words: string) => words }

function createTestPump(connections?: number): Pump {
  const pump = createPump({ idle: 10_000, connections })
  onTestFinished(() => pump.close())
  return pump
}

function get(url: string): Outgoing {
  return { method: 'GET', url: new URL(url), headers: {}, signal: new AbortController().signal, done() {} }
}

function put(url: string, body: string): Outgoing {
  return { ...get(url), method: 'PUT', body: { size: body.length, open: async () => bytes(body) } }
}

async function* bytes(...parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part)
}

async function sent(response: Promise<HttpResponse | undefined>): Promise<HttpResponse> {
  const answer = await response
  if (!answer) throw new Error('it was left to others')
  return answer
}

async function text(response: Promise<HttpResponse | undefined>): Promise<string> {
  return (await read((await sent(response)).body)).toString()
}

/** `answer` is called for each request that begins, and told the numbers of its connection and of it on that. */
async function listening(answer: (socket: Socket, at: { connection: number; request: number }) => void) {
  const sockets: Socket[] = []
  let wake = () => {}
  const asked = new Promise<void>((resolve) => {
    wake = resolve
  })
  const server: Server = createServer((socket) => {
    const connection = sockets.push(socket) - 1
    let request = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      wake()
      answer(socket, { connection, request })
      request += 1
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    sockets,
    asked,
    get connections() {
      return sockets.length
    },
    /** Closes every connection and gives the other side time to see it. */
    async drop(): Promise<void> {
      for (const socket of sockets) socket.destroy()
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
