/** What is told of each request where requests are traced: all of them, and no secret. */

import { expect, onTestFinished, test } from 'vitest'
import type { Event } from '../../src/core/events.ts'
import { CarrierThread } from '../../src/http/threads/carrier.ts'
import { alice, client, context, failure, json, serve } from './server.ts'

const LINKS = [
  'sv=2021&se=2026-01-01&sr=b&sp=r&sig=S3cr3t%3D%3D',
  'X-Amz-Algorithm=A&X-Amz-Credential=S3cr3t&X-Amz-Signature=S3cr3t&x-id=GetObject',
  'GoogleAccessId=x&Expires=1&Signature=S3cr3t',
  'OSSAccessKeyId=S3cr3t&security-token=S3cr3t',
  'q-sign-algorithm=sha1&q-signature=S3cr3t&x-cos-security-token=S3cr3t',
  'anything-at-all=S3cr3t',
]

function requests(events: readonly Event[]) {
  return events.filter((event) => event.type === 'request')
}

test('is told of every request: with status, sizes and attempt, and those that lead to a token or elsewhere', async () => {
  const storage = await serve((_, response) => response.setHeader('content-length', 3).end('abc'))
  const server = await serve((request, response) => {
    const { url = '', headers } = request
    if (url.startsWith('/token')) return json(response, 200, { token: 'T0ken.of.many.letters' })
    if (!headers.authorization?.startsWith('Bearer')) {
      const realm = `http://${headers.host}/token`
      return json(response, 401, {}, { 'www-authenticate': `Bearer realm="${realm}",service="here"` })
    }
    if (url.startsWith('/redirect'))
      return response.writeHead(307, { location: `${storage.url}/blob?${LINKS[0]}` }).end()
    request.resume().on('end', () => response.writeHead(server.seen.length < 4 ? 503 : 201).end())
    return undefined
  })
  const ctx = context()
  const http = client(server, { as: alice, trace: 'address', allowAddresses: ['127.0.0.1/32'] })
  const scopes = ['repository:app:push']
  const put = { method: 'PUT', url: '/put?digest=sha256:1', body: Buffer.from('12345'), scopes } as const
  await (await http.request(put, ctx)).discard()
  await (await http.request({ method: 'GET', url: '/redirect', scopes }, ctx)).discard()
  const told = requests(ctx.events).map(({ method, url, status, sent, received, attempt }) => [
    method,
    url.replaceAll(server.url, '').replace(storage.url, 'storage'),
    status,
    sent,
    received,
    attempt,
  ])
  expect(told).toEqual(
    [
      ['PUT', '/put?digest=sha256:1', 401, 5, expect.any(Number), 1],
      ['GET', '/token?service=here&scope=repository:app:push&account=alice', 200, undefined, expect.any(Number), 1],
      ['PUT', '/put?digest=sha256:1', 503, 5, undefined, 1],
      ['PUT', '/put?digest=sha256:1', 201, 5, undefined, 2],
      ['GET', '/redirect', 307, undefined, undefined, 1],
      ['GET', 'storage/blob?sv=***&se=***&sr=***&sp=***&sig=***', 200, undefined, 3, 1],
    ].map((line) =>
      expect.arrayContaining(line.map((part) => part ?? expect.toSatisfy((it) => it === undefined || it === 0))),
    ),
  )
  expect(JSON.stringify(told)).not.toMatch(/T0ken|pa:ss|S3cr3t/)
})

test.each(LINKS)('hides what signs a link: %s', async (link) => {
  const server = await serve((_, response) => response.end())
  const ctx = context()
  await (await client(server, { trace: 'address' }).request({ method: 'GET', url: `/b?${link}` }, ctx)).discard()
  expect(requests(ctx.events)).toHaveLength(1)
  expect(JSON.stringify(ctx.events)).not.toContain('S3cr3t')
})

test('is told of requests that another thread makes, and of those that fail', async () => {
  const carrier = new CarrierThread()
  onTestFinished(() => carrier.close())
  const server = await serve((request, response) => {
    if (request.url === '/broken') return request.socket.destroy()
    response.setHeader('content-length', 3).end('abc')
    return undefined
  })
  const ctx = { ...context(), carrier }
  const http = client(server, { trace: 'address' })
  await (await http.request({ method: 'GET', url: '/b', kind: 'blob' }, ctx)).discard()
  await failure(http.request({ method: 'GET', url: '/broken', kind: 'blob', retry: false }, ctx))
  expect(requests(ctx.events)).toMatchObject([
    { url: `${server.url}/b`, status: 200, received: 3 },
    { url: `${server.url}/broken`, failure: expect.stringContaining('127.0.0.1') },
  ])
})

test('of an address that may be a secret only the host is told; without a trace nothing is', async () => {
  const server = await serve((_, response) => response.end())
  const [hidden, silent] = [context(), context()]
  await (
    await client(server, { trace: 'host' }).request({ method: 'POST', url: '/services/T1/s3cr3t' }, hidden)
  ).discard()
  await (await client(server).request({ method: 'GET', url: '/a' }, silent)).discard()
  expect(requests(hidden.events)).toMatchObject([{ method: 'POST', url: `${server.url}/***` }])
  expect(silent.events).toEqual([])
})
