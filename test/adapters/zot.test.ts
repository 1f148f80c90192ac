/** zot, by the contract of all adapters, on real servers with and without the search extension. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { AdapterSpecimen, AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn } from '../contract/opened.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { artifact, image } from '../support/images.ts'
import { basic, seed } from '../support/seed.ts'
import { availableServers, SERVER_USER, startServer } from '../support/servers.ts'

const ENV = { REPLICATE_IT_USERNAME: SERVER_USER.user, REPLICATE_IT_PASSWORD: SERVER_USER.password }
const available = availableServers().includes('zot')
const DIGEST = `sha256:${'d'.repeat(64)}` as const
const time = '2026-01-02T03:04:05.123Z'
const binary = (type: string) => ({
  'ce-id': 'i',
  'ce-source': 'zotregistry.dev',
  'ce-specversion': '1.0',
  'ce-type': type,
  'ce-time': time,
})
const pushed = { action: 'push', repository: 'app', tag: 'v1', digest: DIGEST, time: new Date(time), id: 'i' } as const

async function zot(search: boolean): Promise<AdapterUnderTest> {
  const server = await startServer('zot', { auth: true, search })
  const authorization = basic(SERVER_USER.user, SERVER_USER.password)
  return {
    registry: { name: 'it', type: 'zot', url: server.url },
    env: ENV,
    namespace: 'contract',
    seed: async (repository, tag, what) => {
      await seed(server.url, repository, tag, what, { authorization })
    },
    close: () => server.stop(),
  }
}

const specimen: AdapterSpecimen = {
  identity: 'zot',
  listing: /^POST \/v2\/_zot\/ext\/search/,
  wrong: { ...ENV, REPLICATE_IT_PASSWORD: 'wrong' },
  real: true,
  available,
  deliveries: [
    {
      delivery: {
        headers: binary('zotregistry.image.updated'),
        body: { name: 'app', reference: 'v1', digest: DIGEST },
      },
      events: [pushed],
    },
    {
      delivery: {
        headers: { 'content-type': 'application/cloudevents+json' },
        body: {
          id: 'i',
          time,
          type: 'zotregistry.image.deleted',
          data: { name: 'app', reference: 'v1', digest: DIGEST },
        },
      },
      events: [{ ...pushed, action: 'delete' }],
    },
    {
      delivery: {
        headers: binary('zotregistry.image.updated'),
        body: { name: 'app', reference: DIGEST, digest: DIGEST },
      },
      events: [{ action: 'push', repository: 'app', digest: DIGEST, time: new Date(time), id: 'i' }],
    },
    { delivery: { headers: binary('zotregistry.repository.created'), body: { name: 'app' } }, events: [] },
    {
      delivery: {
        headers: binary('com.example.image.scanned'),
        body: { name: 'app', reference: 'v1', digest: DIGEST, summary: { count: 0 } },
      },
      events: [{ ...pushed, action: 'scan' }],
    },
  ],
}

describeAdapter('zot with search', () => zot(true), specimen)
describeAdapter('zot without search', () => zot(false), specimen)

test.runIf(available)('1,000 tags cost few requests, and what the search does not know is asked for', async () => {
  const server = await startServer('zot')
  const proxy = await startCountingProxy(server.url)
  onTestFinished(async () => {
    await proxy.close()
    await server.stop()
  })
  const one = image()
  const odd = artifact({ artifactType: 'application/vnd.example.odd' })
  await seed(server.url, 'app', 'v0', one)
  await seed(server.url, 'app', 'odd', odd)
  const { endpoint, ctx } = await connect({ registry: { name: 'it', type: 'zot', url: proxy.url }, env: {} })
  const store = endpoint.adapter.repository('app')
  for (let n = 1; n < 999; n += 1) await store.writeManifest(one, `v${n}`, ctx)
  proxy.reset()
  const listed = await collect(endpoint.adapter.listTags?.('app', ctx) ?? [])
  expect(listed).toHaveLength(1000)
  expect(proxy.requests).toBeLessThanOrEqual(12)
  expect([...proxy.counts.keys()].filter((key) => key.includes('manifest'))).toEqual([])
  const digests = new Map(await digestsIn(endpoint, 'app', ctx))
  expect(digests.get('v7')).toBe(one.digest)
  expect(digests.get('odd')).toBe(odd.digest)
})

test('a search that fails is no failure of the listing', async () => {
  const server = createServer((request, response) => {
    const answers: Record<string, unknown> = {
      '/v2/_oci/ext/discover': { extensions: [{ name: '_zot', endpoints: ['/v2/_zot/ext/search'] }] },
      '/v2/_zot/ext/search': { data: null, errors: [{ message: 'Cannot query field "MediaType"' }] },
      '/v2/app/tags/list': { name: 'app', tags: ['v1'] },
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answers[new URL(request.url ?? '/', 'http://x').pathname] ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { endpoint, ctx } = await connect({ registry: { name: 'it', type: 'zot', url }, env: {} })
  expect(await collect(endpoint.adapter.listTags?.('app', ctx) ?? [])).toEqual(['v1'])
})
