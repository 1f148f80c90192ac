/** DigitalOcean's registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { DO_LOGIN, startDigitalOcean } from '../fakes/digitalocean.ts'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

describeAdapter('digitalocean', () => startDigitalOcean(), {
  identity: 'digitalocean',
  listing: /^GET \/v2\/registries\/contract\/repositories\/[^/]+\/tags/,
  wrong: { REPLICATE_IT_TOKEN: 'wrong' },
  thousand: 12,
  expires: false,
})

test('what docker login got lists by the registry, as the API does not take it', async () => {
  const it = await startDigitalOcean()
  onTestFinished(() => it.close())
  const artifact = image()
  it.content.add('contract/deep/app', artifact, 'v1')
  const env = { REPLICATE_IT_USERNAME: DO_LOGIN.user, REPLICATE_IT_PASSWORD: DO_LOGIN.password }
  const { endpoint, ctx } = await connect({ ...it, env })
  expect(await digestsIn(endpoint, 'contract/deep/app', ctx)).toEqual([['v1', artifact.digest]])
})

test('names the scope that a token lacks', async () => {
  const it = await startDigitalOcean(['registry:read'])
  onTestFinished(() => it.close())
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('contract/app')
  await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({ hint: expect.stringContaining('registry:delete') })
  await expect(push(endpoint, 'contract/app', 'v2', image({ seed: 2 }), ctx)).rejects.toMatchObject({
    hint: expect.stringContaining('registry:create'),
  })
})

test('a policy runs from it and back', async () => {
  const it = await startDigitalOcean()
  onTestFinished(() => it.close())
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  it.content.add('contract/app', image(), 'v1')
  const work = workplace({ ...it.env })
  expect((await work.run(policyWith(it, mine.url, 'it/contract/*', 'mine/mirror'))).outcome.exitCode).toBe(0)
  const back = policyWith(it, mine.url, 'mine/mirror/app', 'it/contract/copies')
  expect((await work.run(back)).outcome.exitCode).toBe(0)
  expect([...it.content.repository('contract/copies/app').tags.keys()]).toEqual(['v1'])
})
