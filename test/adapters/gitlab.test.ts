/** GitLab's container registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { DISTRIBUTION_DELIVERIES } from '../contract/deliveries.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { DEPLOY, type FakeGitLab, type GitLabOptions, startGitLab } from '../fakes/gitlab.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const AS_DEPLOY = { REPLICATE_IT_USERNAME: DEPLOY.user, REPLICATE_IT_PASSWORD: DEPLOY.password }

describeAdapter('gitlab', () => startGitLab(), {
  identity: 'gitlab',
  listing: /^GET \/gitlab\/v1\/repositories\//,
  wrong: { REPLICATE_IT_USERNAME: 'someone', REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 12,
  deliveries: DISTRIBUTION_DELIVERIES,
})

async function gitlab(options: GitLabOptions = {}): Promise<FakeGitLab> {
  const started = await startGitLab(options)
  onTestFinished(() => started.close())
  return started
}

test('asks tag by tag where the registry has no metadata database', async () => {
  const it = await gitlab({ extended: false })
  const artifact = image()
  it.content.add('contract/project/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.listTags?.('contract/project/app', ctx) ?? [])).toEqual(['v1'])
  expect(await digestsIn(endpoint, 'contract/project/app', ctx)).toEqual([['v1', artifact.digest]])
  expect(it.requests?.().filter((line) => line === 'GET /gitlab/v1/')).toHaveLength(1)
})

test('a deploy token lists tags, and is told to name repositories', async () => {
  const it = await gitlab()
  it.content.add('contract/project/app', image(), 'v1')
  const { endpoint, ctx } = await connect({ ...it, env: AS_DEPLOY })
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'contract/project/app', ctx)).toHaveLength(1)
  const listed = collect(endpoint.adapter.repositories?.({ namespaces: ['contract'], names: [] }, ctx) ?? [])
  await expect(listed).rejects.toMatchObject({ code: 'credential', hint: expect.stringContaining('read_api') })
})

test('lists the projects of a user, without those that have no registry or are being deleted', async () => {
  const it = await gitlab({ disabled: ['me/off'], going: ['me/project/old'] })
  it.projects.add('me/off')
  for (const name of ['me/project/app', 'me/project/old', 'me/off/app']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const listed = await collect(endpoint.adapter.repositories?.({ namespaces: [], names: ['me/**'] }, ctx) ?? [])
  expect(listed).toEqual(['me/project/app'])
})

test('says of a push where there is no project that it must be created', async () => {
  const it = await gitlab()
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'nobody/project/app', 'v1', image({ layers: 0 }), ctx)).rejects.toMatchObject({
    code: 'credential',
  })
  const store = endpoint.adapter.repository('nobody/project/app')
  await expect(store.writeManifest(image(), 'v1', ctx)).rejects.toMatchObject({
    hint: expect.stringContaining('create the project'),
  })
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await gitlab()
  it.content.add('contract/project/app', image(), 'v1')
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace(it.env)
  const there = policyWith(it, server.url, 'it/contract/**', '{registry: mine, namespace: mirror, flatten: 2}')
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 1 } })
  const back = policyWith(it, server.url, 'mine/mirror/app', 'it/contract/project/copies')
  expect((await work.run(back)).outcome.exitCode).toBe(0)
  expect([...it.content.repository('contract/project/copies/app').tags.keys()]).toEqual(['v1'])
})

test('lists more projects than GitLab gives by page numbers, and says of a group that it is too large', async () => {
  const it = await gitlab({ mostByOffset: 200 })
  for (let n = 0; n < 250; n += 1) {
    it.projects.add(`me/p${n}`)
    it.content.add(`me/p${n}`, image(), 'v1')
    it.content.add(`large/p${n}`, image(), 'v1')
  }
  const { endpoint, ctx } = await connect(it)
  const list = (name: string) => collect(endpoint.adapter.repositories?.({ namespaces: [], names: [name] }, ctx) ?? [])
  expect(await list('me/**')).toHaveLength(250)
  await expect(list('large/**')).rejects.toMatchObject({ status: 405, hint: expect.stringContaining('subgroups') })
})
