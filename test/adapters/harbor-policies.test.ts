/** Policies with Harbor on either side, by each kind of account, and its webhooks as they really come. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseEvents } from '../../adapters/harbor/events.ts'
import type { RegistryEvent } from '../../src/core/adapter.ts'
import { collect, connect, digestsIn } from '../contract/opened.ts'
import { workplace } from '../e2e/harness.ts'
import { startFakeHarbor } from '../fakes/harbor.ts'
import { artifact, cosignSignature, image, index, referrer } from '../support/images.ts'
import { listener } from '../support/listener.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { seed } from '../support/seed.ts'
import { type RealServer, startServer } from '../support/servers.ts'
import {
  type Account,
  ADMIN,
  FULL_RIGHTS,
  type Harbor,
  immutableRule,
  isMissing,
  KINDS,
  robot,
  startKind,
} from './harbor-setup.ts'

describe.each(KINDS.filter((kind) => !isMissing(kind)))('with a %s Harbor', (kind) => {
  let harbor: Harbor
  let plain: RealServer
  let projects = 0

  beforeAll(async () => {
    harbor = await startKind(kind)
    plain = await startServer('docker-registry')
  })
  afterAll(async () => {
    await Promise.all([harbor.close(), plain.stop()])
  })

  const project = async (options: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    projects += 1
    const name = `policies-${projects}`
    await harbor.api('POST', '/projects', { project_name: name, metadata: { public: 'false' }, ...options })
    return name
  }
  const connectAs = (account: Account) =>
    connect({
      registry: { name: 'it', type: 'harbor', url: harbor.url },
      env: { REPLICATE_IT_USERNAME: account.username, REPLICATE_IT_PASSWORD: account.password },
    })
  /** One policy from source to destination; `harbor` and `other` are two names for one Harbor, so that two accounts can be used. */
  const yaml = (source: string, destination: string, extra = '') => `
registries:
  harbor: { type: harbor, url: ${harbor.url} }
  other: { type: harbor, url: ${harbor.url} }
  plain: { type: docker-registry, url: ${plain.url} }
policies:
  copy:
    source: ${source}
    destination: ${destination}
    retry: { attempts: 1, delay: 1s }
${extra}`
  const env = (from: Account, to: Account = from) => ({
    REPLICATE_HARBOR_USERNAME: from.username,
    REPLICATE_HARBOR_PASSWORD: from.password,
    REPLICATE_OTHER_USERNAME: to.username,
    REPLICATE_OTHER_PASSWORD: to.password,
  })

  /** Every sort of thing; the result is the digests of its tags. */
  async function fill(repository: string): Promise<ReadonlyMap<string, string>> {
    const app = index([image({ seed: `${repository} a` }), image({ seed: `${repository} b` })])
    const tagged = {
      'v1.0': app,
      docker: image({ seed: `${repository} docker`, docker: true }),
      chart: artifact({ artifactType: 'application/vnd.cncf.helm.config.v1+json', content: '{"name":"chart"}' }),
      [`${app.digest.replace(':', '-')}.sig`]: cosignSignature(app.descriptor).artifact,
      'v1.0-sbom': referrer(app.descriptor, { artifactType: 'application/spdx' }),
    }
    for (const [tag, it] of Object.entries(tagged)) await seed(harbor.url, repository, tag, it, harbor.pusher)
    return new Map(Object.entries(tagged).map(([tag, { digest }]) => [tag, digest]))
  }

  const accounts = {
    'the admin': async () => ADMIN,
    'a system robot that may create projects': () =>
      robot(harbor, `maker-${projects}`, undefined, FULL_RIGHTS, ['project:create']),
    'a system robot that may only pull and push': () =>
      robot(harbor, `narrow-${projects}`, undefined, ['repository:pull', 'repository:push']),
  }

  test.each(Object.entries(accounts))('goes out to distribution and comes back, as %s', async (_title, make) => {
    const from = await project()
    const account = await make()
    const filled = await fill(`${from}/team/app`)
    const here = workplace(env(account))
    const filters = `    filters: { name: ${from}/** }`
    const out = await here.run(yaml('{ registry: harbor }', '{ registry: plain, namespace: out, flatten: 0 }', filters))
    expect(out.outcome.execution?.status, out.logs.join('\n')).toBe('succeeded')
    expect(out.outcome.execution).toMatchObject({ succeed: 4, failed: 0 })

    const mayCreate = !account.username.includes('narrow')
    const back = mayCreate ? `back-${projects}` : await project()
    const filtersBack = `    filters: { name: out/${from}/** }`
    const come = await here.run(
      yaml('{ registry: plain }', `{ registry: harbor, namespace: ${back}, flatten: all }`, filtersBack),
    )
    expect(come.outcome.execution?.status, come.logs.join('\n')).toBe('succeeded')
    const again = await here.run(
      yaml('{ registry: plain }', `{ registry: harbor, namespace: ${back}, flatten: all }`, filtersBack),
    )
    expect(again.outcome.execution).toMatchObject({ total: 0, unchanged: 4 })
    const { endpoint, ctx } = await connectAs(ADMIN)
    const arrived = new Map(await digestsIn(endpoint, `${back}/app`, ctx))
    for (const [tag, digest] of filled) expect([tag, arrived.get(tag)]).toEqual([tag, digest])
  })

  test('copies between two Harbors with labels, and only what has the wanted one', async () => {
    const [from, to] = [await project(), await project()]
    const good = await seed(harbor.url, `${from}/app`, 'v1', image({ seed: 'good' }), harbor.pusher)
    await seed(harbor.url, `${from}/app`, 'v2', image({ seed: 'bad' }), harbor.pusher)
    const source = await connectAs(ADMIN)
    await source.endpoint.adapter.attachLabels?.(`${from}/app`, good.digest, ['approved', 'eu'], source.ctx)
    const account = await robot(harbor, 'labelling', to, FULL_RIGHTS)
    const filters = `    filters: { name: ${from}/app, label: approved }`
    const ran = await workplace(env(ADMIN, account)).run(
      yaml('{ registry: harbor }', `{ registry: other, namespace: ${to}, flatten: all }`, filters),
    )
    expect(ran.outcome.execution?.status, ran.logs.join('\n')).toBe('succeeded')
    const listed = await collect(source.endpoint.adapter.listTags?.(`${to}/app`, source.ctx) ?? [])
    expect(listed).toMatchObject([
      { tag: 'v1', digest: good.digest, labels: expect.arrayContaining(['approved', 'eu']) },
    ])
    expect(listed).toHaveLength(1)
  })

  test('says in the plan what will not work: an immutable tag, a quota', async () => {
    const [from, to] = [await project(), await project({ storage_limit: 3000 })]
    await seed(harbor.url, `${from}/app`, 'v1', image({ seed: 'new' }), harbor.pusher)
    await seed(harbor.url, `${from}/app`, 'v2', image({ seed: 'large', size: 9000 }), harbor.pusher)
    await seed(harbor.url, `${to}/app`, 'v1', image({ seed: 'old', layers: 1, size: 100 }), harbor.pusher)
    await harbor.api('POST', `/projects/${to}/immutabletagrules`, immutableRule('**', 'v1'))
    const filters = `    filters: { name: ${from}/app }`
    const plan = await workplace(env(ADMIN)).plan(
      yaml('{ registry: harbor }', `{ registry: other, namespace: ${to}, flatten: all }`, filters),
    )
    expect(plan.tasks.find((task) => task.source.tag === 'v1')).toMatchObject({
      action: 'blocked',
      reason: 'tag v1 is immutable by a rule of the project',
    })
    expect(JSON.stringify(plan)).toContain(`project ${to} at other has`)
  })

  test('mirrors deletions, a tag alone where another has the same image', async () => {
    const [from, to] = [await project(), await project()]
    const one = image({ seed: 'shared' })
    for (const tag of ['v1', 'v2']) await seed(harbor.url, `${from}/app`, tag, one, harbor.pusher)
    const policy = yaml(
      '{ registry: harbor }',
      `{ registry: other, namespace: ${to}, flatten: all }`,
      `    filters: { name: ${from}/app }\n    deletion: mirror\n    max_deletions: 100%`,
    )
    const here = workplace(env(ADMIN))
    await here.run(policy)
    const { endpoint, ctx } = await connectAs(ADMIN)
    await endpoint.adapter.repository(`${from}/app`).deleteTag?.('v2', ctx)
    const ran = await here.run(policy)
    expect(ran.outcome.execution?.status, ran.logs.join('\n')).toBe('succeeded')
    expect(await digestsIn(endpoint, `${to}/app`, ctx)).toEqual([['v1', one.digest]])
  })

  test.skipIf(kind === 'fake')(
    'reads the webhooks that it sends, in both formats',
    async () => {
      const name = await project()
      const hooks = await listener()
      for (const format of ['Default', 'CloudEvents']) {
        await harbor.api('POST', `/projects/${name}/webhook/policies`, {
          name: format,
          enabled: true,
          event_types: ['PUSH_ARTIFACT', 'DELETE_ARTIFACT'],
          targets: [
            { type: 'http', address: `${hooks.url}/${format}`, payload_format: format, auth_header: 'Bearer hook' },
          ],
        })
      }
      const events = (format: string): readonly RegistryEvent[] =>
        hooks.heard
          .filter(({ url }) => url === `/${format}`)
          .flatMap(({ body, headers }) => {
            expect(headers.authorization).toBe('Bearer hook')
            return parseEvents({ headers: {}, body: JSON.parse(body) })
          })
      const arrives = async (action: RegistryEvent['action']): Promise<void> => {
        const deadline = Date.now() + 40_000
        const isThere = (format: string): boolean => events(format).some((event) => event.action === action)
        while (!isThere('Default') || !isThere('CloudEvents')) {
          if (Date.now() > deadline) throw new Error(`no ${action} was told: ${JSON.stringify(hooks.heard)}`)
          await sleep(100)
        }
      }
      const repository = `${name}/team/app`
      const pushed = await seed(harbor.url, repository, 'v1', image({ seed: 'hooked' }), harbor.pusher)
      await arrives('push')
      const { endpoint, ctx } = await connectAs(ADMIN)
      await endpoint.adapter.repository(repository).deleteManifest?.(pushed.digest, ctx)
      await arrives('delete')
      for (const format of ['Default', 'CloudEvents']) {
        for (const action of ['push', 'delete'] as const) {
          expect(events(format).find((event) => event.action === action)).toMatchObject({
            repository,
            tag: 'v1',
            digest: pushed.digest,
            time: expect.any(Date),
            ...(format === 'CloudEvents' ? { id: expect.stringMatching(/./) } : {}),
          })
        }
      }
    },
    120_000,
  )
})

describe('the fake Harbor alone', () => {
  test('an unchanged repository of 1,000 images costs 11 requests, and no manifest is read', async () => {
    const [one, two] = [await startKind('fake'), await startKind('fake')]
    onTestFinished(async () => void (await Promise.all([one.close(), two.close()])))
    for (const { fake, api } of [one, two]) {
      await api('POST', '/projects', { project_name: 'team' })
      for (let at = 0; at < 1000; at += 1) {
        fake?.content.add('team/app', image({ seed: 'base', annotations: { at: String(at) } }), `v${at}`)
      }
    }
    const account = (name: string) => ({
      [`REPLICATE_${name}_USERNAME`]: ADMIN.username,
      [`REPLICATE_${name}_PASSWORD`]: ADMIN.password,
    })
    const here = workplace({ ...account('ONE'), ...account('TWO') })
    const ran = await here.run(`
registries:
  one: { type: harbor, url: ${one.url} }
  two: { type: harbor, url: ${two.url} }
policies:
  copy:
    source: { registry: one }
    filters: { name: team/app }
    destination: { registry: two }
`)
    expect(ran.outcome.execution).toMatchObject({ total: 0, unchanged: 1000 })
    for (const { fake } of [one, two]) {
      const lines = (fake?.requests?.() ?? []).filter((line) => !line.startsWith('POST '))
      expect(lines.filter((line) => line.includes('/manifests/'))).toEqual([])
      expect(lines.filter((line) => line.includes('app'))).toHaveLength(11)
      // And two more for the check of the registry.
      expect(lines).toHaveLength(13)
    }
  })

  test('tells a Harbor 1.x, and what is no Harbor at all', async () => {
    const [old, other] = [await startFakeHarbor({ version: 1 }), await startMemoryRegistry()]
    onTestFinished(async () => void (await Promise.all([old.close(), other.close()])))
    const cases = [
      [old.url, 'is a Harbor 1.x, which is too old'],
      [other.url, 'does not answer as Harbor 2'],
    ] as const
    for (const [url, message] of cases) {
      const { endpoint, ctx } = await connect({ ...old, registry: { name: 'it', type: 'harbor', url } })
      await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
        code: 'registry',
        message: expect.stringContaining(message),
        hint: expect.stringContaining('docker-registry'),
      })
    }
  })
})
