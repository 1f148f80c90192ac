/** TLS and proxies: certificates that are trusted, refused and explained, and tunnels. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { authority } from '../support/authority.ts'
import { alice, client, context, failure, json, listen, read, serve } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'replicate-tls-'))
let tls: { key: string; cert: string }

beforeAll(() => {
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  const command =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1'
  execFileSync('openssl', [...command.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
  tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
})
afterAll(() => rmSync(folder, { recursive: true }))

test('refuses a self-signed certificate at once and says what to do', async () => {
  const server = await serve((_, response) => response.end('ok'), tls)
  const http = client(server)
  for (let round = 0; round < 2; round += 1) {
    expect(await failure(http.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
      message: `self-signed certificate at ${server.host}`,
      retryable: false,
      hint: expect.stringContaining('`ca:`'),
    })
  }
  expect(server.seen).toHaveLength(0)
})

test('trusts the authority of `ca`, or anyone where `insecure`', async () => {
  const server = await serve((_, response) => response.end('ok'), tls)
  for (const options of [{ ca: tls.cert }, { insecure: true }]) {
    const response = await client(server, options).request({ method: 'GET', url: '/' }, context())
    expect((await read(response.body)).toString()).toBe('ok')
  }
})

test('refuses the certificate of another host, and a version of TLS that is broken', async () => {
  const server = await serve((_, response) => response.end('ok'), tls)
  const renamed = { url: server.url.replace('127.0.0.1', 'localhost'), host: server.host }
  expect(
    await failure(client(renamed, { ca: tls.cert }).request({ method: 'GET', url: '/' }, context())),
  ).toMatchObject({ message: `certificate for another host (127.0.0.1) at ${renamed.url.slice(8)}`, retryable: false })
  const weak = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  const old = await serve((_, response) => response.end('ok'), { ...tls, ...weak })
  expect(await failure(client(old, { ca: tls.cert }).request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    code: 'network',
  })
  expect([...server.seen, ...old.seen]).toEqual([])
})

test('shows a client certificate', async () => {
  const strict = { ...tls, requestCert: true, ca: tls.cert }
  const server = await serve((_, response) => response.end('ok'), strict)
  const options = { ca: tls.cert, client_cert: tls.cert, client_key: tls.key }
  const response = await client(server, options).request({ method: 'GET', url: '/' }, context())
  expect(response.status).toBe(200)
  await response.discard()
})

test('neither `insecure` nor the client certificate is meant for another host', async () => {
  const shown: unknown[] = []
  const strict = { ...tls, requestCert: true, rejectUnauthorized: false }
  const other = await serve((request, response) => {
    if (request.socket instanceof TLSSocket) shown.push(request.socket.getPeerCertificate())
    response.end('elsewhere')
  }, strict)
  const server = await serve((_, response) => response.writeHead(307, { location: `${other.url}/x` }).end(), tls)
  const insecure = client(server, { insecure: true })
  expect(await failure(insecure.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    message: `self-signed certificate at ${other.host}`,
  })
  expect(other.seen).toEqual([])
  const trusting = client(server, { ca: tls.cert, client_cert: tls.cert, client_key: tls.key })
  const { body } = await trusting.request({ method: 'GET', url: '/' }, context())
  expect([(await read(body)).toString(), shown]).toEqual(['elsewhere', [{}]])
})

test('explains a server that wants a client certificate, and a registry that is elsewhere', async () => {
  const nginx = '<html><title>400 No required SSL certificate was sent</title></html>'
  const strict = await serve((_, response) => response.writeHead(400, { 'content-type': 'text/html' }).end(nginx))
  const error = await failure(client(strict).request({ method: 'GET', url: '/v2/' }, context()))
  expect(error).toMatchObject({ hint: expect.stringContaining('client_cert') })
  const other = await serve((_, response) => response.writeHead(401, { 'www-authenticate': 'Basic' }).end())
  const moved = await serve((_, response) => response.writeHead(302, { location: `${other.url}/v2/` }).end())
  expect(await failure(client(moved, { as: alice }).request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({
    message: `401 Unauthorized from ${other.host}`,
    hint: expect.stringContaining('redirects'),
  })
})

test('explains a server that speaks plain HTTP', async () => {
  const server = await serve((_, response) => response.end('ok'))
  const http = client({ url: `https://${server.host}`, host: server.host })
  expect(await failure(http.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    message: `no TLS, the server speaks plain HTTP at ${server.host}`,
    hint: expect.stringContaining('http://'),
  })
})

test('sends no credential to a token server in the clear', async () => {
  const tokens = await serve((_, response) => json(response, 200, { token: 'x' }))
  const challenge = `Bearer realm="${tokens.url}/token"`
  const server = await serve((_, response) => json(response, 401, {}, { 'www-authenticate': challenge }), tls)
  const http = client(server, { as: alice, insecure: true })
  expect(await failure(http.request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({
    code: 'credential',
    message: `the registry is https, but its token server is not: ${tokens.host}`,
  })
  expect(tokens.seen).toHaveLength(0)
})

test.each([false, true])('goes through a proxy with its credential (TLS inside: %s)', async (secure) => {
  const server = await serve((_, response) => response.end('ok'), secure ? tls : undefined)
  const proxy = await startProxy()
  const http = client(server, { proxy: `http://u:p%40@127.0.0.1:${proxy.port}`, insecure: true })
  const response = await http.request({ method: 'GET', url: '/' }, context())
  expect((await read(response.body)).toString()).toBe('ok')
  expect(proxy.seen[0]).toMatch(`${server.host}`)
  expect(proxy.authorization[0]).toBe(`Basic ${Buffer.from('u:p@').toString('base64')}`)
  expect(server.seen[0]?.headers['proxy-authorization']).toBeUndefined()
})

test('says where a proxy that is not there was named', async () => {
  const http = client({ url: 'https://registry.invalid', host: 'registry.invalid' }, { proxy: '127.0.0.1:1' })
  expect(await failure(http.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    message: 'connection refused by proxy 127.0.0.1:1',
    hint: expect.stringContaining('HTTPS_PROXY'),
  })
})

test('names the registry whose certificate is not trusted, and the proxy before it', async () => {
  const server = await serve((_, response) => response.end('ok'), authority('Root').issue('IP:127.0.0.1'))
  const proxy = await startProxy()
  const http = client(server, { proxy: `127.0.0.1:${proxy.port}` })
  expect(await failure(http.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    message: `certificate of an unknown authority at ${server.host} through proxy 127.0.0.1:${proxy.port}`,
    hint: expect.stringMatching(/^the proxy may open TLS by an authority of its own: .*`ca:`/),
  })
})

test('explains a proxy that wants a credential', async () => {
  const server = await serve((_, response) => response.end('ok'), tls)
  const proxy = await startProxy(407)
  const http = client(server, { proxy: `http://127.0.0.1:${proxy.port}`, insecure: true })
  expect(await failure(http.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    message: `proxy 127.0.0.1:${proxy.port} wants a credential (407)`,
  })
})

test('says that a proxy refused the credential that it got', async () => {
  const server = await serve((_, response) => response.end('ok'), tls)
  const proxy = await startProxy(407)
  const http = client(server, { proxy: `http://u:p@127.0.0.1:${proxy.port}`, insecure: true })
  expect(await failure(http.request({ method: 'GET', url: '/' }, context()))).toMatchObject({
    message: `proxy 127.0.0.1:${proxy.port} refused the credential in its URL (407)`,
  })
})

async function startProxy(status = 200) {
  const seen: string[] = []
  const authorization: (string | undefined)[] = []
  const proxy = createServer((request, response) => {
    seen.push(request.url ?? '')
    authorization.push(request.headers['proxy-authorization'])
    response.end('ok')
  })
  proxy.on('connect', (request, socket) => {
    seen.push(request.url ?? '')
    authorization.push(request.headers['proxy-authorization'])
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const [host, port] = (request.url ?? '').split(':')
    const inner = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      inner.pipe(socket).pipe(inner)
    })
    inner.on('error', () => socket.destroy())
    socket.on('error', () => inner.destroy())
    return undefined
  })
  return { seen, authorization, port: await listen(proxy) }
}
