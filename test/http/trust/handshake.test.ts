/** What a TLS server shows of itself. */

import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { proxyAddress } from '../../../src/http/proxy/address.ts'
import { secureContext } from '../../../src/http/trust/context.ts'
import { shakeHands, shownCertificate } from '../../../src/http/trust/handshake.ts'
import { authority } from '../../support/authority.ts'
import { failure, listen, serve } from '../server.ts'

const { signal } = new AbortController()
const tls = { secureContext: secureContext({}) }

test('tells the chain of a server that is not trusted, without asking it for anything', async () => {
  const root = authority('Root')
  const middle = root.below('Middle')
  const leaf = middle.issue('IP:127.0.0.1', 'DNS:registry.example.com')
  const chained = { key: leaf.key, cert: [leaf.cert, middle.ca, root.ca].join('') }
  const server = await serve((_, response) => response.end('ok'), chained)
  const { chain, distrust } = await shakeHands(new URL(server.url), { tls, distrusted: true }, signal)
  expect(chain).toMatchObject([
    { subject: 'CN=test', issuer: 'O=Example, CN=Middle', isAuthority: false, selfSigned: false },
    { subject: 'O=Example, CN=Middle', issuer: 'O=Example, CN=Root', isAuthority: true, selfSigned: false },
    { subject: 'O=Example, CN=Root', issuer: 'O=Example, CN=Root', isAuthority: true, selfSigned: true },
  ])
  expect(chain[0]?.names).toEqual(['127.0.0.1', 'registry.example.com'])
  expect(chain.map(({ pem }) => pem.trim())).toEqual([leaf.cert, middle.ca, root.ca].map((pem) => pem.trim()))
  expect(chain[2]?.sha256).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  expect(shownCertificate(root.ca)).toEqual(chain[2])
  expect(distrust).toBe('certificate of an unknown authority')
  expect(server.seen).toEqual([])
  await expect(shakeHands(new URL(server.url), { tls, distrusted: false }, signal)).rejects.toThrow()
})

test('tells of a server that sends only its own certificate just that', async () => {
  const server = await serve((_, response) => response.end('ok'), authority('Root').issue('IP:127.0.0.1'))
  const { chain, distrust } = await shakeHands(new URL(server.url), { tls, distrusted: true }, signal)
  expect(chain).toMatchObject([{ issuer: 'O=Example, CN=Root' }])
  expect(distrust).toBe('certificate of an unknown authority')
})

test('ends with the signal where the server never answers', async () => {
  const silent = createServer(() => {})
  const port = await listen(silent)
  const controller = new AbortController()
  const met = failure(shakeHands(new URL(`https://127.0.0.1:${port}`), { tls, distrusted: true }, controller.signal))
  silent.once('connection', () => controller.abort(new Error('enough')))
  expect(await met).toMatchObject({ message: 'stopped', code: 'cancelled' })
})

test('goes through a proxy, with its credential', async () => {
  const server = await serve((_, response) => response.end('ok'), authority('Root').issue('IP:127.0.0.1'))
  const asked: (string | undefined)[] = []
  const proxy = createServer()
  proxy.on('connect', (request, socket) => {
    asked.push(request.url, request.headers['proxy-authorization'])
    if (request.headers['proxy-authorization'] === undefined) return socket.end('HTTP/1.1 407 No\r\n\r\n')
    const [host, port] = (request.url ?? '').split(':')
    const inner = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      inner.pipe(socket).pipe(inner)
    })
    inner.on('error', () => socket.destroy())
    return socket.on('error', () => inner.destroy())
  })
  const port = await listen(proxy)
  const through = (address: string) =>
    shakeHands(new URL(server.url), { tls, distrusted: true, proxy: proxyAddress(address) }, signal)
  expect((await through(`u:p@127.0.0.1:${port}`)).chain).toMatchObject([{ issuer: 'O=Example, CN=Root' }])
  expect(asked).toEqual([server.host, `Basic ${Buffer.from('u:p').toString('base64')}`])
  await expect(through(`127.0.0.1:${port}`)).rejects.toThrow('(407)')
  expect(server.seen).toEqual([])
})
