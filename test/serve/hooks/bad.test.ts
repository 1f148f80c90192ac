/** Webhooks that are wrong in some way: refused at once, and nothing changes. */

import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { basic, bearer, type Hooked, hooked, pushOf, SECRET } from './hooked.ts'

const MIB = 1024 * 1024

test.each<readonly [number, string, unknown, Readonly<Record<string, string>>]>([
  [400, 'text', 'text', {}],
  [400, 'nothing', '', {}],
  [400, 'half of an object', '{"events": [', {}],
  [400, 'an object of another kind', '{"hello": 1}', {}],
  [400, 'null', 'null', {}],
  [400, 'very deep JSON', '['.repeat(500_000), {}],
  [400, 'a name that is none', pushOf('../../etc/passwd'), {}],
  [400, 'a very long name', pushOf('a'.repeat(100_000)), {}],
  [400, 'a tag that is none', pushOf('team/app', 'v1;rm'), {}],
  [400, 'more events than anybody sends', { events: Array.from({ length: 5001 }, (_, at) => shortest(at)) }, {}],
  [413, '10 MB', Buffer.alloc(10 * MIB, 0x20), {}],
  [415, 'a picture', 'x', { 'content-type': 'image/png' }],
  [415, 'a form', 'payload=1', { 'content-type': 'application/x-www-form-urlencoded' }],
  [415, 'something compressed', 'x', { 'content-encoding': 'gzip' }],
])('answers %i to %s', async (status, _what, body, headers) => {
  const it = await hooked()
  const refused = await it.post('/hooks/it', body, { ...bearer(), ...headers })
  expect(refused).toMatchObject({ status, body: { status, detail: expect.any(String) } })
  expect(refused.headers.get('content-type')).toContain('application/problem+json')
  expect(it.taken).toEqual([])
})

function shortest(at: number) {
  return { id: `${at}`, action: 'delete', target: { repository: 'a', tag: `v${at}` } }
}

test.each([
  [404, 'another name', '/hooks/other'],
  [404, 'no name', '/hooks/'],
  [404, 'a name that objects have', '/hooks/__proto__'],
  [404, 'a path', '/hooks/it%2F..'],
  [414, 'a very long name', `/hooks/${'a'.repeat(5000)}`],
])('answers %i to %s', async (status, _what, path) => {
  const it = await hooked()
  expect((await it.post(path, pushOf(), bearer())).status).toBe(status)
  expect(it.taken).toEqual([])
})

test('says of a registry that sends no webhooks that it sends none', async () => {
  const it = await hooked({ charts: { type: 'helm-http', url: 'http://127.0.0.1:9' } })
  expect(await it.post('/hooks/charts', {}, bearer())).toMatchObject({
    status: 404,
    body: { detail: 'registries of type helm-http send no webhooks' },
  })
})

test.each(['GET', 'PUT', 'DELETE'])('a hook takes no %s', async (method) => {
  const it = await hooked()
  const refused = await it.post('/hooks/it', '', bearer(), method)
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST'])
})

test('after ten wrong secrets an address waits for the rest of a minute, also with the right one', async () => {
  const it = await hooked()
  for (let n = 0; n < 10; n += 1) {
    expect((await it.post('/hooks/it', pushOf(), n % 2 ? bearer(`${n}`) : basic(`${n}`))).status).toBe(401)
  }
  const refused = await it.post('/hooks/it', pushOf(), bearer())
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
  it.pass(59_000)
  expect((await it.post('/hooks/it', pushOf(), bearer())).status).toBe(429)
  it.pass(1000)
  expect((await it.post('/hooks/it', pushOf(), bearer())).status).toBe(202)
})

test('a delivery without a secret is no guess: its sender may wait to be asked for it', async () => {
  const it = await hooked()
  for (let n = 0; n < 20; n += 1) expect((await it.post('/hooks/it', pushOf())).status).toBe(401)
  expect((await it.post('/hooks/it', pushOf(), bearer())).status).toBe(202)
})

test('behind a proxy its word tells addresses apart, and elsewhere it is not taken', async () => {
  for (const behind_proxy of [true, false]) {
    const it = await hooked(undefined, { behind_proxy })
    const from = (address: string, secret: string) =>
      it.post('/hooks/it', pushOf(), { ...bearer(secret), 'x-forwarded-for': `10.0.0.1, ${address}` })
    for (let n = 0; n < 10; n += 1) await from(`2001:db8::${n}`, 'wrong')
    expect((await from('2001:db8:0:1::1', SECRET)).status).toBe(behind_proxy ? 202 : 429)
    // One machine may have all of a /64.
    expect((await from('2001:db8:0:0:ffff::9', SECRET)).status).toBe(429)
  }
})

test('says once a minute what it refuses, without the secret that was shown', async () => {
  const it = await hooked()
  const said = () => it.news.filter(({ type }) => type === 'log')
  for (let n = 0; n < 5; n += 1) await it.post(`/hooks/it?token=guessed-${n}`, pushOf())
  expect(said()).toEqual([
    { type: 'log', level: 'warning', text: 'a webhook of registry it was refused (401): the secret is wrong' },
  ])
  it.pass(60_000)
  await it.post('/hooks/it?token=guessed-again', pushOf())
  expect(said()).toHaveLength(2)
  expect(JSON.stringify(it.news)).not.toContain('guessed')
})

test('names of strangers are neither counted nor remembered', async () => {
  const it = await hooked()
  for (let n = 0; n < 50; n += 1) await it.post(`/hooks/stranger-${n}`, pushOf(), bearer())
  expect(it.news.filter(({ type }) => type === 'delivery')).toEqual([])
  expect(it.news).toHaveLength(1)
})

test('answers 503 while it ends, and where the events cannot be kept, so that they are sent again', async () => {
  const it = await hooked()
  it.fail()
  const unkept = await it.post('/hooks/it', pushOf(), bearer())
  expect([unkept.status, unkept.headers.get('retry-after')]).toEqual([503, '10'])
  expect(it.news).toContainEqual(
    expect.objectContaining({ level: 'error', text: expect.stringContaining('disk is full') }),
  )
  it.drain()
  const ending = await it.post('/hooks/it', pushOf(), bearer())
  expect([ending.status, ending.headers.get('retry-after')]).toEqual([503, '10'])
})

test('refuses a body that turns out larger than it may be, where its length was not said', async () => {
  const it = await hooked()
  const socket = raw(it, 'Transfer-Encoding: chunked')
  const chunk = Buffer.alloc(65_536, 0x20)
  for (let n = 0; n < 20; n += 1) socket.write(Buffer.concat([Buffer.from('10000\r\n'), chunk, Buffer.from('\r\n')]))
  expect(await answered(socket)).toMatch(/^HTTP\/1\.1 413 /)
  expect(it.taken).toEqual([])
})

test('500 who send slowly do not keep others waiting', async () => {
  const it = await hooked()
  const slow = Array.from({ length: 500 }, () => {
    const socket = raw(it, 'Content-Length: 100000')
    socket.write('{"events": [')
    return socket
  })
  await Promise.all(slow.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  expect((await it.post('/hooks/it', pushOf(), bearer())).status).toBe(202)
  for (const socket of slow) socket.destroy()
})

test('holds no more than 64 MiB of bodies at once', async () => {
  const it = await hooked()
  const waiting = Array.from({ length: 64 }, () => raw(it, `Content-Length: ${MIB}`, 'Expect: 100-continue'))
  // The server says that it waits for each body.
  await Promise.all(waiting.map((socket) => answered(socket, /100 Continue/)))
  const refused = await it.post('/hooks/it', pushOf(), bearer())
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  for (const socket of waiting) socket.destroy()
  await expect.poll(async () => (await it.post('/hooks/it', pushOf(), bearer())).status).toBe(202)
})

/** The head of a delivery that proves itself, its body still to come. */
function raw(it: Hooked, ...lines: readonly string[]): Socket {
  const { hostname, port } = new URL(it.url)
  const socket = connect(Number(port), hostname)
  const head = [
    'POST /hooks/it HTTP/1.1',
    'Host: x',
    'Content-Type: application/json',
    `Authorization: Bearer ${SECRET}`,
  ]
  socket.write(`${[...head, ...lines].join('\r\n')}\r\n\r\n`)
  socket.on('error', () => {})
  return socket
}

function answered(socket: Socket, pattern = /^HTTP\/1\.1 \d+/): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (pattern.test(text)) resolve(text)
    })
  })
}
