/** The client against real servers: retries, limits, redirects, uploads, refusals, cancellation. */

import { createServer } from 'node:http'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { CancelledError, IntegrityError, NetworkError, RegistryError } from '../../src/core/errors.ts'
import type { BodySource } from '../../src/core/http.ts'
import { alice, client, context, failure, fastClock, json, listen, read, serve } from './server.ts'

test('appends a path to the prefix of the URL and gives headers and body as they came', async () => {
  const server = await serve((_, response) => {
    response.setHeader('Link', ['<a>; rel="next"', '<b>'])
    response.end('hello')
  })
  const http = client({ ...server, url: `${server.url}/prefix/` })
  const response = await http.request({ method: 'GET', url: '/v2/' }, context())
  expect(response.headers.link).toBe('<a>; rel="next", <b>')
  expect((await read(response.body)).toString()).toBe('hello')
  expect(server.seen[0]).toMatchObject({ url: '/prefix/v2/', headers: { 'accept-encoding': 'identity' } })
  expect(server.seen[0]?.headers['user-agent']).toBe('replicate/test')
  expect(response.url).toBe(`${server.url}/prefix/v2/`)
})

test('leaves a compressed blob compressed', async () => {
  const bytes = Buffer.from([0x1f, 0x8b, 1, 2, 3])
  const server = await serve((_, response) => {
    response.setHeader('content-encoding', 'gzip')
    response.end(bytes)
  })
  const response = await client(server).request({ method: 'GET', url: '/x', isBlob: true }, context())
  expect(Buffer.from(await response.bytes())).toEqual(bytes)
})

test('retries what may pass, and says so', async () => {
  const server = await serve((_, response, count) => {
    if (count < 2) json(response, 503, {})
    else json(response, 200, { ok: true })
  })
  const ctx = context()
  const response = await client(server).request({ method: 'GET', url: '/v2/' }, ctx)
  expect(await response.json()).toEqual({ ok: true })
  expect(ctx.events).toEqual([
    { type: 'retry', what: 'GET /v2/', attempt: 2, delay: 100, reason: '503 Service Unavailable' },
    { type: 'retry', what: 'GET /v2/', attempt: 3, delay: 200, reason: '503 Service Unavailable' },
  ])
})

test('signs each attempt when it is sent', async () => {
  const server = await serve((_, response, count) => json(response, count < 1 ? 503 : 200, {}))
  let signed = 0
  const sign = () => {
    signed += 1
    return { 'X-Date': String(signed) }
  }
  await client(server).request({ method: 'GET', url: '/v2/', headers: { 'x-date': 'none' }, sign }, context())
  expect(server.seen.map(({ headers }) => headers['x-date'])).toEqual(['1', '2'])
})

test('gives up after five attempts, or after one where the caller retries', async () => {
  const server = await serve((_, response) => json(response, 500, {}))
  const http = client(server)
  expect(await failure(http.request({ method: 'GET', url: '/a' }, context()))).toBeInstanceOf(RegistryError)
  expect(server.seen).toHaveLength(5)
  await failure(http.request({ method: 'GET', url: '/a', retry: false }, context()))
  expect(server.seen).toHaveLength(6)
})

test.each([400, 403, 404, 405, 413, 416])('does not retry a %i', async (status) => {
  const server = await serve((_, response) => json(response, status, {}))
  const error = await failure(client(server).request({ method: 'GET', url: '/a' }, context()))
  expect(error).toMatchObject({ status, retryable: false })
  expect(server.seen).toHaveLength(1)
})

test('a 503 with Retry-After is obeyed by every request to that host, and said aloud', async () => {
  const server = await serve((_, response, count) => {
    if (count < 2) json(response, 503, {}, { 'retry-after': '3600' })
    else json(response, 200, {})
  })
  const clock = fastClock()
  const ctx = context()
  const http = client(server, { clock })
  await (await http.request({ method: 'GET', url: '/v2/' }, ctx)).discard()
  expect(clock.slept.reduce((sum, pause) => sum + pause, 0)).toBe(2 * 3_600_000)
  expect(ctx.events).toContainEqual({
    type: 'waiting',
    reason: `${server.host} is not available for a while (503)`,
    until: '2026-01-01T01:00:00.000Z',
  })
})

test.each([
  ['two days', '172800'],
  ['for ever', '1'.repeat(400)],
])('a registry that wants no request for %s gets none, and is given up', async (_, asked) => {
  const server = await serve((_, response) => json(response, 429, {}, { 'retry-after': asked }))
  const clock = fastClock()
  const http = client(server, { clock })
  expect(await failure(http.request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({ status: 429 })
  expect(await failure(http.request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({
    message: expect.stringMatching(/^the registry wants no request before 2/),
    retryable: false,
  })
  expect([server.seen.length, clock.slept]).toEqual([1, []])
})

test('a long message is cut after its secrets are gone, not in the middle of one', async () => {
  const message = `${'x'.repeat(195)}pa:ss/word and more`
  const server = await serve((request, response) => {
    if (request.headers.authorization) return json(response, 404, { errors: [{ code: 'X', message }] })
    return json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
  })
  const error = await failure(client(server, { as: alice }).request({ method: 'GET', url: '/v2/' }, context()))
  expect(String(error)).toContain('***')
  expect(String(error)).not.toContain('pa:s')
})

test.each([
  ['directly', false],
  ['through a proxy', true],
])('a server that sends a byte now and then does not hold up a run for ever (%s)', async (_, proxied) => {
  const server = await serve((_, response) => {
    response.write('[')
    const drip = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(drip))
  })
  const at = proxied ? { url: 'http://registry.invalid', host: 'registry.invalid' } : server
  const http = client(at, { answerLimit: 200, idle: 10_000, ...(proxied ? { proxy: server.url } : {}) })
  const request = { method: 'GET', url: '/v2/a/tags/list', whole: 1000 } as const
  expect(await failure(http.request(request, context()))).toMatchObject({
    message: expect.stringContaining('took too long to answer'),
  })
  expect(server.seen).toHaveLength(2)
})

test('a silent server is asked once more, not five times: each attempt costs the whole silence', async () => {
  const server = await serve(() => {})
  const http = client(server, { idle: 100 })
  const error = await failure(http.request({ method: 'GET', url: '/b', kind: 'blob' }, context()))
  expect(error).toMatchObject({ message: `${server.host} did not answer in time`, silent: true })
  expect(server.seen).toHaveLength(2)
})

test('says that an answer is encoded, instead of blaming its content', async () => {
  const server = await serve((_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('{}')))
  const http = client(server)
  expect(await failure(http.request({ method: 'GET', url: '/v2/a/manifests/v1' }, context()))).toMatchObject({
    message: `${server.host} answers in the encoding gzip, which it was asked not to`,
    retryable: false,
  })
  // Storages say so of layers that are gzip: their digest tells.
  for (const request of [
    { method: 'GET', url: '/b', isBlob: true },
    { method: 'HEAD', url: '/m' },
  ] as const) {
    await (await http.request(request, context())).discard()
  }
})

test('waits as long as a 429 asks, with every request to that host', async () => {
  const clock = fastClock()
  const at: number[] = []
  const server = await serve((_, response, count) => {
    at.push(clock.now())
    if (count === 0) json(response, 429, {}, { 'retry-after': '7' })
    else json(response, 200, {})
  })
  const http = client(server, { clock, limits: { connections: 1 } })
  const ctx = context()
  const start = clock.now()
  const [a, b] = await Promise.all([
    http.request({ method: 'GET', url: '/a' }, ctx).then((it) => it.discard()),
    http.request({ method: 'GET', url: '/b' }, ctx).then((it) => it.discard()),
  ])
  expect([a, b]).toEqual([undefined, undefined])
  expect(at.slice(1).every((time) => time - start >= 7000)).toBe(true)
  expect(ctx.events).toContainEqual({
    type: 'waiting',
    reason: `${server.host} asks for fewer requests (429)`,
    until: new Date(start + 7000).toISOString(),
  })
})

test('names codes, words, method and path of a refusal, without secrets', async () => {
  const server = await serve((_, response) =>
    json(response, 404, { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest\u001b[31m unknown', detail: {} }] }),
  )
  const error = await failure(client(server).request({ method: 'GET', url: '/v2/a?sig=topsecret' }, context()))
  expect(error).toMatchObject({
    message: '404 MANIFEST_UNKNOWN (manifest [31m unknown)',
    codes: ['MANIFEST_UNKNOWN'],
    method: 'GET',
    path: '/v2/a?sig=***',
  })
})

test.each([
  ['text/html', '<html>nginx</html>', '413 Payload Too Large'],
  ['text/plain', 'go away\n', '413 (go away)'],
  ['application/json', '{"details":"no"}', '413 (no)'],
  ['application/json', '{"code":"X","message":"y"}', '413 X (y)'],
])('explains a refusal in %s', async (type, body, message) => {
  const server = await serve((_, response) => {
    response.writeHead(413, { 'content-type': type })
    response.end(body)
  })
  expect(await failure(client(server).request({ method: 'GET', url: '/' }, context()))).toMatchObject({ message })
})

test('takes the expected statuses as answers and nothing else', async () => {
  const server = await serve((request, response) => json(response, Number(request.url?.slice(1)), {}))
  const http = client(server)
  expect((await http.request({ method: 'HEAD', url: '/404', expect: [200, 404] }, context())).status).toBe(404)
  expect(await failure(http.request({ method: 'GET', url: '/201', expect: [200] }, context()))).toMatchObject({
    message: '201 Created where another answer was expected',
  })
})

test('refuses JSON that is malformed or too long, naming the request', async () => {
  const server = await serve((request, response) => response.end(request.url === '/long' ? '"12345678"' : '{'))
  const http = client(server)
  const bad = await http.request({ method: 'GET', url: '/bad' }, context())
  expect(await failure(bad.json())).toMatchObject({ message: 'an answer that is not JSON to GET /bad' })
  const long = await http.request({ method: 'GET', url: '/long' }, context())
  expect(await failure(long.json(5))).toMatchObject({ message: 'an answer of more than 5 bytes to GET /long' })
})

test('is done at once with a server that was never there, in plain words', async () => {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  const error = await failure(
    client({ url: `http://127.0.0.1:${port}`, host: 'gone' }).request({ method: 'GET', url: '/' }, context()),
  )
  expect(error).toBeInstanceOf(NetworkError)
  expect(error).toMatchObject({ message: `connection refused by 127.0.0.1:${port}`, retryable: false })
})

test('retries a connection that breaks before the answer', async () => {
  const server = await serve((request, response, count) => {
    if (count === 0) request.socket.destroy()
    else response.end('ok')
  })
  const response = await client(server).request({ method: 'GET', url: '/' }, context())
  expect((await read(response.body)).toString()).toBe('ok')
})

test('a body that breaks off fails as a network error that may be retried', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('abc', () => response.destroy())
  })
  const response = await client(server).request({ method: 'GET', url: '/', kind: 'blob' }, context())
  const error = await failure(read(response.body))
  expect(error).toBeInstanceOf(NetworkError)
  expect(error).toMatchObject({ retryable: true })
})

test('a server that stops sending is given up', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('abc')
  })
  const response = await client(server, { idle: 300 }).request({ method: 'GET', url: '/', kind: 'blob' }, context())
  expect(await failure(read(response.body))).toMatchObject({ message: `${server.host} stopped sending` })
})

test('uploads with a length, opening the body anew for each attempt', async () => {
  const bodies: string[] = []
  const server = await serve((request, response, count) => {
    read(request).then((bytes) => {
      bodies.push(bytes.toString())
      json(response, count === 0 ? 502 : 201, {})
    })
  })
  const opened: number[] = []
  const body: BodySource = {
    size: 10,
    async open() {
      opened.push(1)
      return chunks('hello', 'world')
    },
  }
  const response = await client(server).request({ method: 'PUT', url: '/u', body, kind: 'blob' }, context())
  await response.discard()
  expect(bodies).toEqual(['helloworld', 'helloworld'])
  expect(opened).toHaveLength(2)
  expect(server.seen[1]?.headers['content-length']).toBe('10')
  expect(server.seen[1]?.headers['transfer-encoding']).toBeUndefined()
})

test('sends an empty stream and an absent body with a length of zero', async () => {
  const server = await serve((_, response) => response.writeHead(201).end())
  const http = client(server)
  await http.request({ method: 'PUT', url: '/u', body: { size: 0, open: async () => chunks() } }, context())
  await http.request({ method: 'POST', url: '/u' }, context())
  expect(server.seen.map(({ headers }) => headers['content-length'])).toEqual(['0', '0'])
})

test.each(['end', 'reset'])(
  'an answer that comes early wins over the connection that breaks while we send (%s)',
  async (how) => {
    const server = await earlyAnswer(how)
    const big = Buffer.alloc(65_536)
    const body: BodySource = {
      size: 64 * big.length,
      async open() {
        return (async function* () {
          for (let count = 0; count < 64; count += 1) {
            // Blocks the thread, so that the next write finds the connection broken before the answer could be read.
            if (count > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
            yield big
          }
        })()
      },
    }
    const error = await failure(client(server).request({ method: 'PUT', url: '/u', body, kind: 'blob' }, context()))
    expect(error).toMatchObject({ status: 413, message: '413 SIZE_INVALID' })
  },
)

test('an error of the source stays what it is', async () => {
  const server = await serve((request) => request.resume())
  const wrong = new IntegrityError('digest of a is b')
  const body: BodySource = {
    size: 10,
    async open() {
      return (async function* () {
        yield Buffer.from('abc')
        throw wrong
      })()
    },
  }
  expect(await failure(client(server).request({ method: 'PUT', url: '/u', body }, context()))).toBe(wrong)
})

test('gives up a server that stops reading', async () => {
  const server = await serve((request) => request.pause())
  const big = Buffer.alloc(1 << 20)
  const body: BodySource = { size: 64 * big.length, open: async () => chunks(...Array.from({ length: 64 }, () => big)) }
  const http = client(server, { idle: 500 })
  const error = await failure(http.request({ method: 'PATCH', url: '/u', body, kind: 'blob', retry: false }, context()))
  expect(error).toMatchObject({ message: `${server.host} stopped reading what it is sent` })
})

test('stops with the reason of the signal', async () => {
  const server = await serve(() => {})
  const controller = new AbortController()
  const waiting = failure(client(server).request({ method: 'GET', url: '/' }, context(controller.signal)))
  const reason = new CancelledError('stopped by SIGTERM', 143)
  setImmediate(() => controller.abort(reason))
  expect(await waiting).toBe(reason)
  expect(
    await failure(client(server).request({ method: 'GET', url: '/' }, context(AbortSignal.abort()))),
  ).toBeInstanceOf(CancelledError)
})

test('small requests pass while streams hold every slot, and never more than `connections` are open', async () => {
  let open = 0
  let most = 0
  const ends: (() => void)[] = []
  const server = await serve((request, response) => {
    open += 1
    most = Math.max(most, open)
    response.once('close', () => {
      open -= 1
    })
    if (request.url === '/small') return response.end('ok')
    response.write('x')
    ends.push(() => response.end())
    return undefined
  })
  const http = client(server, { limits: { connections: 4 } })
  const blobs = Array.from({ length: 6 }, async () => {
    const response = await http.request({ method: 'GET', url: '/blob', kind: 'blob' }, context())
    await read(response.body)
  })
  for (let round = 0; round < 5; round += 1) {
    await (await http.request({ method: 'GET', url: '/small' }, context())).discard()
  }
  const finish = setInterval(() => {
    for (const end of ends.splice(0)) end()
  }, 5)
  await Promise.all(blobs)
  clearInterval(finish)
  expect(most).toBeLessThanOrEqual(4)
})

test('paces requests a second', async () => {
  const clock = fastClock()
  const server = await serve((_, response) => response.end())
  const http = client(server, { clock, limits: { requests_per_second: 10 } })
  const start = clock.now()
  for (let round = 0; round < 11; round += 1) {
    await (await http.request({ method: 'GET', url: '/' }, context())).discard()
  }
  expect(clock.now() - start).toBe(1000)
})

test('keeps no cookies', async () => {
  const server = await serve((_, response) => {
    response.setHeader('set-cookie', 'sid=1')
    response.end()
  })
  const http = client(server)
  await (await http.request({ method: 'GET', url: '/' }, context())).discard()
  await (await http.request({ method: 'GET', url: '/' }, context())).discard()
  expect(server.seen[1]?.headers.cookie).toBeUndefined()
})

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part
}

/** A server on a thread of its own that answers as soon as a byte comes and closes without reading on. */
async function earlyAnswer(how: string): Promise<{ url: string; host: string }> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
    const body = '{"errors":[{"code":"SIZE_INVALID"}]}'
    const head = 'HTTP/1.1 413 Payload Too Large\\r\\ncontent-type: application/json\\r\\n'
    require('node:net').createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.pause()
        socket.write(head + 'content-length: ' + body.length + '\\r\\n\\r\\n' + body)
        if (workerData === 'reset') socket.resetAndDestroy()
        else socket.destroy()
      })
    }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port) })`,
    { eval: true, workerData: how },
  )
  onTestFinished(() => worker.terminate().then(() => {}))
  const host = `127.0.0.1:${await new Promise((resolve) => worker.once('message', resolve))}`
  return { url: `http://${host}`, host }
}
