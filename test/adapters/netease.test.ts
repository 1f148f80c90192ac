/** NetEase Cloud's registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { connect, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { createSwitches } from '../fakes/switches.ts'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { Refusal } from '../support/memory-reply.ts'
import { availableServers, startServer } from '../support/servers.ts'

const ACCOUNT = { user: 'acme', password: 'account-password' } as const
const ENV = { REPLICATE_IT_USERNAME: ACCOUNT.user, REPLICATE_IT_PASSWORD: ACCOUNT.password }

interface FakeNetease extends AdapterUnderTest {
  readonly content: MemoryRegistry
}

interface NeteaseOptions {
  /** Only Docker's media types are taken. */
  readonly old?: boolean
  /** Default true, by digest. */
  readonly deletes?: boolean
}

async function startNetease({ old = false, deletes = true }: NeteaseOptions = {}): Promise<FakeNetease> {
  const switches = createSwitches()
  let looping = false
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', ...ACCOUNT },
    catalog: 401,
    deletes,
    tagDelete: false,
    pageSize: 2,
    fault: switches.faultOf,
    get link() {
      return looping ? ('loop' as const) : ('relative' as const)
    },
    intercept({ method, url, headers }) {
      if (method === 'GET' || method === 'HEAD' || !url.pathname.startsWith('/v2/')) return undefined
      if (headers.authorization === undefined || method === 'DELETE') return undefined
      if (!url.pathname.startsWith(`/v2/${ACCOUNT.user}/`)) throw new Refusal(403, 'DENIED', 'access denied')
      const type = headers['content-type'] ?? ''
      if (old && method === 'PUT' && url.pathname.includes('/manifests/') && !type.includes('vnd.docker')) {
        throw new Refusal(400, 'MANIFEST_INVALID', 'manifest invalid')
      }
      return undefined
    },
  })
  return {
    content,
    registry: { name: 'it', type: 'netease', url: content.url },
    env: ENV,
    namespace: ACCOUNT.user,
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => content.revokeTokens(),
    close: () => content.close(),
  }
}

describeAdapter('netease', () => startNetease(), {
  identity: 'netease',
  listing: /^GET \/v2\/.*\/tags\/list/,
  wrong: { ...ENV, REPLICATE_IT_PASSWORD: 'wrong' },
  repositories: false,
  deleteTag: false,
})

async function netease(options: NeteaseOptions = {}): Promise<FakeNetease> {
  const started = await startNetease(options)
  onTestFinished(() => started.close())
  return started
}

test('a plan blocks what belongs to another account, and not where the account is unknown', async () => {
  const [it, mine] = [await netease(), await startMemoryRegistry()]
  onTestFinished(() => mine.close())
  mine.add('mirror/app', image(), 'v1')
  const work = workplace(ENV)
  const actions = async (to: string) => (await work.plan(policyWith(it, mine.url, 'mine/mirror/app', to))).actions
  expect(await actions('it/others')).toMatchObject([
    { action: 'blocked', reason: expect.stringContaining('account acme'), hint: expect.stringContaining('namespace') },
  ])
  expect(await actions('it/acme')).toMatchObject([{ action: 'copy' }])
  const { endpoint, ctx } = await connect({ ...it, env: { ...ENV, REPLICATE_IT_USERNAME: 'someone@example.com' } })
  expect(await endpoint.adapter.writeRules?.('others/app', ctx)).toEqual({})
  await expect(push((await connect(it)).endpoint, 'others/app', 'v1', image(), ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('console'),
  })
})

test('a name may have 200 characters', async () => {
  const [it, mine] = [await netease(), await startMemoryRegistry()]
  onTestFinished(() => mine.close())
  const name = 'a'.repeat(200)
  mine.add(`mirror/${name}`, image(), 'v1')
  const work = workplace(ENV)
  expect((await work.plan(policyWith(it, mine.url, `mine/mirror/${name}`, 'it/acme'))).actions).toMatchObject([
    { action: 'blocked', reason: expect.stringContaining('at most 200 characters') },
  ])
})

test('a refused media type is told as one', async () => {
  const it = await netease({ old: true })
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('acme/app')
  const manifest = { ...image(), mediaType: 'application/vnd.oci.image.manifest.v1+json' }
  await expect(store.writeManifest(manifest, 'v1', ctx)).rejects.toMatchObject({
    codes: ['MANIFEST_INVALID'],
    hint: expect.stringContaining("Docker's media types"),
  })
})

test('a registry that deletes nothing says so', async () => {
  const it = await netease({ deletes: false })
  it.content.add('acme/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.repository('acme/app').deleteManifest?.(image().digest, ctx)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('405'),
  })
})

test('a policy without names is told to name repositories', async () => {
  const it = await netease()
  const work = workplace(ENV)
  await expect(work.plan(policyWith(it, it.content.url, 'it/**', 'mine/mirror'))).rejects.toMatchObject({
    message: expect.stringContaining('cannot list its repositories'),
  })
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await netease()
  it.content.add('acme/app', image(), 'v1')
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace(ENV)
  expect((await work.run(policyWith(it, server.url, 'it/acme/app', 'mine/mirror'))).outcome.exitCode).toBe(0)
  const back = policyWith(it, server.url, 'mine/mirror/app', 'it/acme/copies')
  expect((await work.run(back)).outcome.exitCode).toBe(0)
  expect([...it.content.repository('acme/copies/app').tags.keys()]).toEqual(['v1'])
})
