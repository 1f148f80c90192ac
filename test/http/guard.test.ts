/** A registry's word leads nowhere that only this machine may go: token servers, redirects, addresses of uploads. */

import { expect, onTestFinished, test } from 'vitest'
import { createGuard, kindOf } from '../../src/http/guard.ts'
import { CarrierThread } from '../../src/http/threads/carrier.ts'
import { client, context, failure, json, read, serve } from './server.ts'

test.each([
  ['this machine', ['127.0.0.1', '127.9.8.7', '0.0.0.0', '0.1.2.3', '::', '::1', '::ffff:127.0.0.1', '::7f00:1']],
  ['its link', ['169.254.1.1', 'fe80::1', 'fe80::1%eth0', 'febf::1', '::ffff:169.254.1.1']],
  ['the metadata of its cloud', ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200', '::ffff:a9fe:a9fe']],
  [undefined, ['10.0.0.1', '172.16.0.1', '192.168.1.1', 'fd00::1', '8.8.8.8', '2001:db8::1', '::ffff:10.0.0.1']],
])('%s: %j', (kind, addresses) => {
  expect(addresses.map(kindOf)).toEqual(addresses.map(() => kind))
})

const refusal = (registry: string, url: string, allowed: readonly string[] = []) => {
  try {
    createGuard({ registry, allowed }).lookupFor(new URL(url))
    return undefined
  } catch (error) {
    return error
  }
}

test.each(['127.1', '0x7f000001', '2130706433', '017700000001', '[::ffff:127.0.0.1]', '[0:0:0:0:0:0:0:1]', '0'])(
  'http://%s is this machine, however it is written',
  (host) => {
    expect(refusal('https://registry.example.com', `http://${host}:8500`)).toMatchObject({
      code: 'network',
      retryable: false,
      message: expect.stringMatching(/^the registry sends this machine to .*:8500, which is this machine: refused$/),
      hint: expect.stringContaining('allow_addresses'),
    })
  },
)

test.each([
  ['http://127.0.0.1:5000', 'http://127.0.0.1:8080', true],
  ['http://localhost:5000', 'http://[::1]:8080', true],
  ['http://127.0.0.1:5000', 'http://169.254.169.254', false],
  ['http://169.254.169.254', 'http://169.254.169.254/x', true],
  ['http://metadata.google.internal', 'http://metadata.google.internal/x', true],
  ['https://registry.example.com', 'http://metadata.google.internal./x', false],
  ['https://registry.example.com', 'https://10.0.0.1', true],
])('a registry at %s may name %s: %s', (registry, url, allowed) => {
  expect(refusal(registry, url) === undefined).toBe(allowed)
})

test.each([
  ['127.0.0.1:8081', true],
  ['127.0.0.1', true],
  ['127.0.0.0/8', true],
  ['127.0.0.0/8:8081', true],
  ['127.0.0.1:8082', false],
  ['127.0.0.2', false],
  ['[::1]:8081', false],
  ['999.0.0.1/99', false],
  ['::1', false],
])('an exception of %s covers 127.0.0.1:8081: %s', (exception, covered) => {
  expect(refusal('https://r.example.com', 'http://127.0.0.1:8081', [exception]) === undefined).toBe(covered)
})

test('a name is judged by the addresses that it has', async () => {
  const lookup = createGuard({ registry: 'https://r.example.com' }).lookupFor(new URL('http://localhost:8080'))
  const error = await new Promise((resolve) => lookup?.('localhost', {}, (found) => resolve(found)))
  expect(error).toMatchObject({ message: expect.stringMatching(/localhost:8080 \((127\.0\.0\.1|::1)\)/) })
  const named = createGuard({ registry: 'https://r.example.com', allowed: ['localhost:8080'] })
  expect(named.lookupFor(new URL('http://localhost:8080'))).toBeUndefined()
  await expect(named.check(new URL('http://localhost:8081'))).rejects.toThrow('refused')
})

/** The same server by an address that the guard knows for a stranger's: only the text differs. */
const elsewhere = { url: 'http://registry.invalid', host: 'registry.invalid' }

test.each([
  ['directly', false],
  ['through a proxy', true],
])('nothing arrives at an inner service %s: redirect, upload or absolute link', async (_, proxied) => {
  const inside = await serve((_, response) => response.end('secret'))
  const outside = await serve((_, response) => response.writeHead(307, { location: `${inside.url}/x` }).end())
  const { port } = new URL(outside.url)
  // A proxy stands for the registry, so that its name need not be resolved.
  const http = client(elsewhere, proxied ? { proxy: outside.url } : { allowAddresses: [`127.0.0.1:${port}`] })
  const urls = [`${inside.url}/v1/agent`, ...(proxied ? ['/v2/a/blobs/x'] : [`${outside.url}/y`])]
  for (const url of urls) {
    const error = await failure(http.request({ method: 'GET', url, kind: 'blob' }, context()))
    expect(error).toMatchObject({ message: expect.stringContaining(`to ${inside.host}, which is this machine`) })
  }
  const upload = { method: 'PUT', url: `${inside.url}/v1/register`, body: Buffer.from('x') } as const
  expect(await failure(http.request(upload, context()))).toMatchObject({ retryable: false })
  expect(inside.seen).toEqual([])
})

test('a token server at such an address is not asked', async () => {
  const inside = await serve((_, response) => json(response, 200, { token: 'inside' }))
  const challenge = { 'www-authenticate': `Bearer realm="${inside.url}/api"` }
  const outside = await serve((_, response) => json(response, 401, {}, challenge))
  const http = client(elsewhere, { proxy: outside.url })
  expect(await failure(http.request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({
    message: expect.stringContaining('which is this machine'),
  })
  expect(inside.seen).toEqual([])
})

test('nothing arrives at an inner service from another thread', async () => {
  const inside = await serve((_, response) => response.end('secret'))
  const carrier = new CarrierThread()
  onTestFinished(() => carrier.close())
  const request = { method: 'GET', url: `${inside.url}/x`, kind: 'blob' } as const
  expect(await failure(client(elsewhere).request(request, { ...context(), carrier }))).toMatchObject({
    retryable: false,
    message: expect.stringContaining('which is this machine'),
    hint: expect.stringContaining('allow_addresses'),
  })
  expect(inside.seen).toEqual([])
})

test('what is excepted is reached', async () => {
  const inside = await serve((_, response) => response.end('a service of ours'))
  const http = client(elsewhere, { allowAddresses: [inside.host] })
  const response = await http.request({ method: 'GET', url: `${inside.url}/x` }, context())
  expect((await read(response.body)).toString()).toBe('a service of ours')
})
