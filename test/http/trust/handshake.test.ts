/** What a TLS server shows of itself. */

import { createServer } from 'node:http'
import { expect, test } from 'vitest'
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
