/** Where requests are led, and that no credential follows to a stranger. */

import { expect, test } from 'vitest'
import { NetworkError } from '../../src/core/errors.ts'
import { nextHop } from '../../src/http/redirect.ts'
import { ownTarget } from '../../src/http/target.ts'
import { alice, client, context, failure, json, read, serve } from './server.ts'

test('follows to another host with the range but without credential or secret headers, holding HEAD', async () => {
  const storage = await serve((_, response) => response.end('bytes'))
  const server = await serve((request, response) => {
    if (!request.headers.authorization) return json(response, 401, {}, { 'www-authenticate': 'Basic' })
    return response.writeHead(307, { location: `${storage.url}/blob?X-Amz-Signature=1` }).end()
  })
  const http = client(server, { as: alice })
  const headers = { Range: 'bytes=1-', 'PRIVATE-TOKEN': 'x' }
  const response = await http.request({ method: 'GET', url: '/v2/b', headers, kind: 'blob' }, context())
  expect((await read(response.body)).toString()).toBe('bytes')
  expect(response.url).toBe(`${storage.url}/blob?X-Amz-Signature=1`)
  expect(storage.seen[0]?.headers).toMatchObject({ range: 'bytes=1-', 'accept-encoding': 'identity' })
  expect(storage.seen[0]?.headers.authorization).toBeUndefined()
  expect(storage.seen[0]?.headers['private-token']).toBeUndefined()
  await http.request({ method: 'HEAD', url: '/v2/b' }, context())
  expect(storage.seen[1]?.method).toBe('HEAD')
})

test('keeps the credential on the same host and gives up after ten hops', async () => {
  const server = await serve((request, response) => {
    if (!request.headers.authorization) return json(response, 401, {}, { 'www-authenticate': 'Basic' })
    return response.writeHead(302, { location: '/again' }).end()
  })
  const error = await failure(client(server, { as: alice }).request({ method: 'GET', url: '/' }, context()))
  expect(error).toMatchObject({ message: 'more than 10 redirects', retryable: false })
  expect(server.seen).toHaveLength(12)
})

test('a redirect is an answer where it is asked for, and never followed for a write', async () => {
  const server = await serve((_, response) => response.writeHead(307, { location: '/x' }).end())
  const http = client(server)
  const asked = { method: 'GET', url: '/', redirect: false, expect: [307] } as const
  expect((await http.request(asked, context())).headers.location).toBe('/x')
  expect(await failure(http.request({ method: 'POST', url: '/' }, context()))).toMatchObject({ status: 307 })
  expect(server.seen).toHaveLength(2)
})

test('an absolute URL of another host gets no credential, also when it asks for one', async () => {
  const stranger = await serve((_, response) => json(response, 401, {}, { 'www-authenticate': 'Basic' }))
  const server = await serve((_, response) => response.end())
  const error = await failure(
    client(server, { as: alice }).request({ method: 'GET', url: `${stranger.url}/x` }, context()),
  )
  expect(error).toMatchObject({ status: 401 })
  expect(stranger.seen).toHaveLength(1)
})

test('303 turns into GET, but HEAD stays HEAD', () => {
  const from = (method: string) => ({ method, url: new URL('https://a/x'), headers: {} })
  expect(nextHop(from('POST'), 303, '/y').method).toBe('GET')
  expect(nextHop(from('HEAD'), 303, '/y').method).toBe('HEAD')
  expect(nextHop(from('GET'), 307, '//u:p@b/y').url.href).toBe('https://b/y')
})

test('never goes from https to http', () => {
  const from = { method: 'GET', url: new URL('https://a/x'), headers: {} }
  expect(() => nextHop(from, 302, 'http://a/x')).toThrow(NetworkError)
  expect(() => nextHop(from, 302, 'file:///etc/passwd')).toThrow(NetworkError)
})

test('takes http links to the https registry itself as https, and refuses others', () => {
  const { resolve } = ownTarget('https://reg:8443/prefix/')
  expect(resolve('http://reg:8443/v2/u?_state=a%3D')).toMatchObject({ own: true })
  expect(resolve('http://reg:8443/v2/u?_state=a%3D').url.href).toBe('https://reg:8443/v2/u?_state=a%3D')
  expect(() => resolve('http://reg/v2/u')).toThrow(NetworkError)
  expect(() => resolve('http://other:8443/v2/u')).toThrow(NetworkError)
  expect(resolve('https://other/v2/u').own).toBe(false)
  expect(resolve('/v2/').url.href).toBe('https://reg:8443/prefix/v2/')
  const plain = ownTarget('https://reg')
  expect(plain.resolve('http://reg/v2/').url.href).toBe('https://reg/v2/')
  expect(plain.resolve('http://reg:443/v2/').url.href).toBe('https://reg/v2/')
  expect(plain.url).toBe('https://reg')
})
