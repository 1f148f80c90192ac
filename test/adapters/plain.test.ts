/** Vendors whose registries are plain ones, by the contract of all adapters and by their own refusals. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { CLOUDFLARE, NEXUS, ORACLE, type PlainFake, type PlainVendor, startPlain } from '../fakes/plain.ts'
import { image, index } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

const VENDORS = [NEXUS, ORACLE, CLOUDFLARE] as const

for (const vendor of VENDORS) {
  describeAdapter(vendor.identity, () => startPlain(vendor), {
    identity: vendor.identity,
    listing: /^GET \/v2\/.*\/tags\/list/,
    wrong: { REPLICATE_IT_USERNAME: vendor.user, REPLICATE_IT_PASSWORD: 'wrong' },
    ...(vendor.options?.catalog === false ? { repositories: false } : {}),
    ...(vendor.options?.auth?.kind === 'basic' ? { expires: false } : {}),
  })
}

async function started(vendor: PlainVendor): Promise<PlainFake> {
  const it = await startPlain(vendor)
  onTestFinished(() => it.close())
  return it
}

test.each(VENDORS)('a policy runs from $identity and back', async (vendor) => {
  const it = await started(vendor)
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  const { namespace } = vendor
  const several = index([image({ seed: 'amd64' }), image({ seed: 'arm64' })])
  it.content.add(`${namespace}/app`, several, 'v1')
  const work = workplace({ ...it.env })
  expect((await work.run(policyWith(it, mine.url, `it/${namespace}/app`, 'mine/mirror'))).outcome.exitCode).toBe(0)
  expect((await work.run(policyWith(it, mine.url, 'mine/mirror/app', `it/${namespace}/copies`))).outcome.exitCode).toBe(
    0,
  )
  expect(it.content.repository(`${namespace}/copies/app`).tags.get('v1')).toBe(several.digest)
})

test.each([
  [ORACLE.identity, ORACLE, 'other/app', /namespace of object storage/],
  [CLOUDFLARE.identity, CLOUDFLARE, 'other/app', /ID of the account/],
] as const)('%s refuses a name outside, and what to do is said', async (_identity, vendor, repository, words) => {
  const it = await started(vendor)
  const { endpoint, ctx } = await connect(it)
  const refused = { status: 403, hint: expect.stringMatching(words) }
  await expect(push(endpoint, repository, 'v1', image(), ctx)).rejects.toMatchObject(refused)
})

test('a tag of Nexus that may not be moved keeps what it has', async () => {
  const it = await started(NEXUS)
  const { endpoint, ctx } = await connect(it)
  await push(endpoint, 'frozen/app', 'v1', image({ seed: 1 }), ctx)
  await expect(push(endpoint, 'frozen/app', 'v1', image({ seed: 2 }), ctx)).rejects.toThrow(/does not allow updating/)
  expect(await digestsIn(endpoint, 'frozen/app', ctx)).toEqual([['v1', image({ seed: 1 }).digest]])
})
