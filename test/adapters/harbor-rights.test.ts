/** What Harbor lets which account do, and what its projects refuse: the fake and a real one agree. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ListedTag } from '../../src/core/adapter.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { cosignSignature, image, index, referrer } from '../support/images.ts'
import { seed } from '../support/seed.ts'
import { startServer } from '../support/servers.ts'
import {
  type Account,
  ADMIN,
  FULL_RIGHTS,
  type Harbor,
  immutableRule,
  isMissing,
  KINDS,
  member,
  robot,
  startKind,
} from './harbor-setup.ts'

describe.each(KINDS.filter((kind) => !isMissing(kind)))('on a %s Harbor', (kind) => {
  let harbor: Harbor
  let projects = 0

  beforeAll(async () => {
    harbor = await startKind(kind)
  })
  afterAll(() => harbor.close())

  const project = async (options: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    projects += 1
    const name = `project-${projects}`
    await harbor.api('POST', '/projects', { project_name: name, metadata: { public: 'false' }, ...options })
    return name
  }
  const as = (account: Account | undefined, url = harbor.url) =>
    connect({
      registry: { name: 'it', type: 'harbor', url },
      env: account ? { REPLICATE_IT_USERNAME: account.username, REPLICATE_IT_PASSWORD: account.password } : {},
    })
  const put = (repository: string, tag: string | undefined, artifact = image({ seed: `${repository} ${tag}` })) =>
    seed(harbor.url, repository, tag, artifact, harbor.pusher)

  test('a robot that may only pull and push lists by names, and the log says so', async () => {
    const name = await project()
    const pushed = await put(`${name}/team/app`, 'v1')
    const { endpoint, ctx, events } = await as(
      await robot(harbor, 'narrow', name, ['repository:pull', 'repository:push']),
    )
    await endpoint.adapter.ping(ctx)
    expect(await collect(endpoint.adapter.listTags?.(`${name}/team/app`, ctx) ?? [])).toEqual(['v1'])
    expect(await digestsIn(endpoint, `${name}/team/app`, ctx)).toEqual([['v1', pushed.digest]])
    const texts = events.flatMap((event) => (event.type === 'log' && event.level === 'debug' ? [event.text] : []))
    expect(texts[0]).toMatch(/may not list the artifacts of project .* \(permission list of artifact\)/)
    const wanted = { namespaces: [], names: [`${name}/**`] }
    expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual([`${name}/team/app`])
    await push(endpoint, `${name}/team/app`, 'v2', image({ seed: 'by the robot' }), ctx)
    expect(await endpoint.adapter.writeRules?.(`${name}/team/app`, ctx)).toEqual({})
    const store = endpoint.adapter.repository(`${name}/team/app`)
    await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining(`"robot$${name}+narrow" cannot delete ${name}/team/app:v1`),
      hint: expect.stringContaining('permission delete of tag'),
    })
  })

  test('a robot creates a project where it may, twice and at the same time; another is told what it lacks', async () => {
    const maker = await as(await robot(harbor, 'maker', undefined, FULL_RIGHTS, ['project:create']))
    const made = { public: true }
    const { ensureNamespace } = maker.endpoint.adapter
    await Promise.all(['made/deeper', 'made'].map((namespace) => ensureNamespace?.(namespace, made, maker.ctx)))
    await ensureNamespace?.('made', made, maker.ctx)
    expect(await collect(maker.endpoint.adapter.namespaces?.(maker.ctx) ?? [])).toContain('made')
    expect(await harbor.api('GET', '/projects/made')).toMatchObject({ metadata: { public: 'true' } })
    await push(maker.endpoint, 'made/deeper/app', 'v1', image(), maker.ctx)

    const own = await project()
    const other = await as(await robot(harbor, 'other', own, ['repository:pull', 'repository:push']))
    await other.endpoint.adapter.ensureNamespace?.('made', made, other.ctx)
    await expect(other.endpoint.adapter.ensureNamespace?.('unmade', made, other.ctx)).rejects.toMatchObject({
      code: 'registry',
      status: 403,
      message: expect.stringContaining('cannot create project unmade'),
      hint: expect.stringContaining('system permission create of project'),
    })
    await expect(maker.endpoint.adapter.ensureNamespace?.('a--b', made, maker.ctx)).rejects.toMatchObject({
      status: 400,
      hint: expect.stringContaining('lower case'),
    })
    expect(await maker.endpoint.adapter.writeRules?.('a--b/app', maker.ctx)).toMatchObject({
      refused: { reason: 'a project of Harbor cannot have that name' },
    })
  })

  test('tells a wrong secret, a missing right and a missing project apart', async () => {
    const name = await project()
    const repository = `${name}/app`
    await put(repository, 'v1')
    const good = await robot(harbor, 'puller', name, ['repository:pull'])
    const wrong = await as({ ...good, password: 'not-its-secret' })
    await expect(wrong.endpoint.adapter.ping(wrong.ctx)).rejects.toMatchObject({ code: 'credential', exitCode: 3 })
    await expect(digestsIn(wrong.endpoint, repository, wrong.ctx)).rejects.toMatchObject({ code: 'credential' })

    const { endpoint, ctx } = await as(good)
    await expect(push(endpoint, repository, 'v2', image({ seed: 'new' }), ctx)).rejects.toMatchObject({
      code: 'registry',
      status: 403,
      message: `"robot$${name}+puller" may not push in project ${name}`,
      hint: expect.stringContaining('permission push of repository'),
    })
    const elsewhere = `${await project()}/app`
    await put(elsewhere, 'v1')
    await expect(digestsIn(endpoint, elsewhere, ctx)).rejects.toMatchObject({ code: 'registry', status: 403 })
    const store = endpoint.adapter.repository('nowhere/app')
    await expect(digestsIn(endpoint, 'nowhere/app', ctx)).rejects.toMatchObject({
      status: 404,
      message: 'project nowhere is not there',
    })
    expect(await store.resolve('v1', ctx)).toBeUndefined()
  })

  test('says before a push that a guest may not', async () => {
    const name = await project()
    const guest = await as(await member(harbor, name, 'guest', 3))
    expect(await guest.endpoint.adapter.writeRules?.(`${name}/app`, guest.ctx)).toEqual({
      refused: {
        reason: `"guest" may not push to project ${name}`,
        hint: expect.stringContaining('at least Developer'),
      },
    })
    const developer = await as(await member(harbor, name, 'developer', 2))
    expect(await developer.endpoint.adapter.writeRules?.(`${name}/app`, developer.ctx)).toEqual({})
    expect(await developer.endpoint.adapter.writeRules?.('nowhere/app', developer.ctx)).toEqual({})
  })

  test('knows immutable tags, takes what they hold already, and says why they cannot be moved or deleted', async () => {
    const name = await project()
    const { endpoint, ctx } = await as(ADMIN)
    const held = await put(`${name}/frozen/app`, 'v1')
    await harbor.api('POST', `/projects/${name}/immutabletagrules`, immutableRule('frozen/**', 'v*'))
    const rules = await endpoint.adapter.writeRules?.(`${name}/frozen/app`, ctx)
    expect(rules?.immutable?.('v1')).toBe('tag v1 is immutable by a rule of the project')
    expect(rules?.immutable?.('latest')).toBeUndefined()
    expect((await endpoint.adapter.writeRules?.(`${name}/free`, ctx))?.immutable?.('v1')).toBeUndefined()
    await push(endpoint, `${name}/frozen/app`, 'v1', held, ctx)
    const store = endpoint.adapter.repository(`${name}/frozen/app`)
    const hint = expect.stringContaining('tag immutability rules')
    await expect(push(endpoint, `${name}/frozen/app`, 'v1', image({ seed: 'new' }), ctx)).rejects.toMatchObject({
      status: 412,
      hint,
    })
    await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({ status: 412, hint })
    await expect(store.deleteManifest?.(held.digest, ctx)).rejects.toMatchObject({ status: 412, hint })
  })

  test('knows what is left of a quota, and says that it is exceeded', async () => {
    const name = await project({ storage_limit: 4000 })
    const { endpoint, ctx } = await as(ADMIN)
    expect(await endpoint.adapter.writeRules?.(`${name}/app`, ctx)).toEqual({
      quota: { name: `project ${name}`, bytesLeft: 4000 },
    })
    const large = image({ seed: 'large', size: 5000, layers: 1 })
    await expect(push(endpoint, `${name}/app`, 'v1', large, ctx)).rejects.toMatchObject({
      status: 403,
      hint: expect.stringContaining('storage quota'),
    })
  })

  test('knows that nothing can be pushed to a proxy cache, and lists only what it holds', async () => {
    const upstream = await startServer('docker-registry')
    try {
      await seed(upstream.url, 'up/app', 'v1', image())
      const type = { type: 'docker-registry', insecure: true }
      await harbor.api('POST', '/registries', { name: 'up', url: upstream.url, ...type })
      const [cached] = (await harbor.api('GET', '/registries')) as { id: number }[]
      const name = await project({ registry_id: cached?.id })
      const { endpoint, ctx } = await as(ADMIN)
      expect(await endpoint.adapter.writeRules?.(`${name}/app`, ctx)).toEqual({
        refused: { reason: `project ${name} is a proxy cache: nothing can be pushed to it`, hint: expect.any(String) },
      })
      await expect(push(endpoint, `${name}/app`, 'v1', image({ seed: 'x' }), ctx)).rejects.toMatchObject({
        status: 403,
        hint: expect.stringContaining('not a proxy cache'),
      })
      if (kind === 'fake') return
      // The names come from the registry behind it; nothing of them is cached.
      expect(await collect(endpoint.adapter.repository(`${name}/up/app`).tags(ctx))).toEqual(['v1'])
      expect(await collect(endpoint.adapter.listTags?.(`${name}/up/app`, ctx) ?? [])).toEqual([])
    } finally {
      await upstream.stop()
    }
  })

  test('lists tags of manifests with a subject, which are in no list of artifacts', async () => {
    const name = await project()
    const repository = `${name}/app`
    const app = index([image({ seed: 'a' }), image({ seed: 'b' })])
    await put(repository, 'v1', app)
    const attached = await put(repository, 'v1-sbom', referrer(app.descriptor, { artifactType: 'application/spdx' }))
    const { tag, artifact } = cosignSignature(app.descriptor)
    await put(repository, tag, artifact)
    await put(repository, undefined, image({ seed: 'untagged' }))
    const { endpoint, ctx } = await as(ADMIN)
    const found = await collect<ListedTag>(endpoint.adapter.listTags?.(repository, ctx) ?? [])
    const shown = found.map((info) => (typeof info === 'string' ? info : `${info.tag ?? 'none'} ${info.digest}`))
    expect(shown.toSorted()).toEqual(
      [`v1 ${app.digest}`, `none ${image({ seed: 'untagged' }).digest}`, 'v1-sbom', tag].toSorted(),
    )
    const referrers = await collect(endpoint.adapter.repository(repository).referrers?.(app.descriptor, ctx) ?? [])
    expect(referrers.map(({ digest }) => digest).toSorted()).toEqual([attached.digest, artifact.digest].toSorted())
    await endpoint.adapter.repository(repository).deleteTag?.('v1-sbom', ctx)
    expect(new Map(await digestsIn(endpoint, repository, ctx)).has('v1-sbom')).toBe(false)
  })

  test('follows pages, also where artifacts are deleted meanwhile', async () => {
    const name = await project()
    const repository = `${name}/many`
    const first = await put(repository, 'v0', image({ seed: 'many' }))
    const { endpoint, ctx } = await as(ADMIN)
    const store = endpoint.adapter.repository(repository)
    const expected = Array.from({ length: 120 }, (_, at) => `v${at}`)
    const artifacts = expected.map((tag) => image({ seed: 'many', annotations: tag === 'v0' ? {} : { tag } }))
    for (let at = 1; at < expected.length; at += 10) {
      const part = expected.slice(at, at + 10)
      await Promise.all(part.map((tag, n) => store.writeManifest(artifacts[at + n] ?? first, tag, ctx)))
    }
    const found: string[] = []
    for await (const info of endpoint.adapter.listTags?.(repository, ctx) ?? []) {
      // A name alone would be one that the pages have missed and the tag list knows.
      found.push(typeof info === 'string' ? `missed ${info}` : (info.tag ?? ''))
      if (found.length !== 50) continue
      // Everything behind them moves to an earlier page.
      for (const at of [0, 1, 2]) await store.deleteManifest?.(artifacts[at]?.digest ?? first.digest, ctx)
    }
    const kept = expected.slice(3)
    expect(found.filter((tag) => kept.includes(tag)).toSorted()).toEqual(kept.toSorted())
    expect(new Set(found).size).toBe(found.length)
  })

  test('creates labels that are missing in the project, uses global ones, and lists them', async () => {
    const name = await project()
    const repository = `${name}/team/app`
    const pushed = await put(repository, 'v1')
    await harbor.api('POST', '/labels', { name: 'stable', scope: 'g' })
    const { endpoint, ctx } = await as(await robot(harbor, 'labels', name, FULL_RIGHTS))
    const { attachLabels, listTags } = endpoint.adapter
    await Promise.all([1, 2].map(() => attachLabels?.(repository, pushed.digest, ['stable', 'approved'], ctx)))
    await attachLabels?.(repository, pushed.digest, ['approved'], ctx)
    const [info] = await collect(listTags?.(repository, ctx) ?? [])
    expect(typeof info === 'object' && info.labels?.toSorted()).toEqual(['approved', 'stable'])
    const again = await as(await robot(harbor, 'labels-too', name, FULL_RIGHTS))
    await again.endpoint.adapter.attachLabels?.(repository, pushed.digest, ['stable', 'approved'], again.ctx)

    const unlabelled = await put(repository, 'v2')
    const narrow = await as(await robot(harbor, 'no-labels', name, ['repository:pull', 'repository:push']))
    for (const label of ['approved', 'other']) {
      await narrow.endpoint.adapter.attachLabels?.(repository, unlabelled.digest, [label], narrow.ctx)
    }
    const warnings = narrow.events.filter((event) => event.type === 'log' && event.level === 'warning')
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatchObject({ text: expect.stringContaining(`labels are not attached in project ${name}`) })
  })

  test('takes a project whose name is a number by its name', async () => {
    await harbor.api('POST', '/projects', {
      project_name: '1',
      metadata: { public: 'false' },
      storage_limit: 1_000_000,
    })
    const [found] = (await harbor.api('GET', '/projects?q=name%3D1')) as { project_id: number }[]
    await harbor.api('POST', `/projects/${found?.project_id}/immutabletagrules`, immutableRule('**', 'v*'))
    const pushed = await put('1/app', 'v1')
    const { endpoint, ctx } = await as(ADMIN)
    expect(await digestsIn(endpoint, '1/app', ctx)).toEqual([['v1', pushed.digest]])
    const rules = await endpoint.adapter.writeRules?.('1/app', ctx)
    expect(rules?.quota?.name).toBe('project 1')
    expect(rules?.immutable?.('v1')).toContain('immutable')
    await endpoint.adapter.attachLabels?.('1/app', pushed.digest, ['numbered'], ctx)
    const [info] = await collect(endpoint.adapter.listTags?.('1/app', ctx) ?? [])
    expect(info).toMatchObject({ labels: ['numbered'] })
  })

  test('finds what a tag points at where unsigned images may not be pulled, and says what that takes', async () => {
    const name = await project({ metadata: { public: 'false', enable_content_trust_cosign: 'true' } })
    const pushed = await put(`${name}/app`, 'v1')
    const pusher = ['repository:pull', 'repository:push']
    const narrow = await as(await robot(harbor, 'narrow', name, pusher))
    await expect(narrow.endpoint.adapter.repository(`${name}/app`).resolve('v1', narrow.ctx)).rejects.toMatchObject({
      status: 412,
      message: expect.stringContaining(`project ${name} does not let v1 be pulled`),
      hint: expect.stringMatching(/missing signature.*permission read of artifact/),
    })
    const reader = await as(await robot(harbor, 'reader', name, [...pusher, 'artifact:read']))
    const store = reader.endpoint.adapter.repository(`${name}/app`)
    expect((await store.resolve('v1', reader.ctx))?.digest).toBe(pushed.digest)
    expect(await store.resolve('v2', reader.ctx)).toBeUndefined()
    await expect(store.readManifest('v1', reader.ctx)).rejects.toMatchObject({
      status: 412,
      hint: expect.stringContaining('missing signature'),
    })
  })

  test('asks once whether a project exists that does not', async () => {
    const { endpoint, ctx } = await as(await robot(harbor, 'asker', undefined, ['repository:pull']))
    const before = harbor.fake?.requests?.().length ?? 0
    for (const tag of ['v1', 'v2', 'v3']) {
      expect(await endpoint.adapter.repository('nowhere/app').resolve(tag, ctx)).toBeUndefined()
    }
    const asked = harbor.fake?.requests?.().slice(before) ?? []
    expect(asked.filter((line) => line.startsWith('HEAD /api/v2.0/projects')).length).toBeLessThanOrEqual(1)
  })

  test('shows what is public to anonymous access', async () => {
    const name = await project({ metadata: { public: 'true' } })
    const hidden = await project()
    const pushed = await put(`${name}/app`, 'v1')
    await put(`${hidden}/app`, 'v1')
    const { endpoint, ctx } = await as(undefined)
    await endpoint.adapter.ping(ctx)
    expect(await digestsIn(endpoint, `${name}/app`, ctx)).toEqual([['v1', pushed.digest]])
    expect((await endpoint.adapter.repository(`${name}/app`).readManifest('v1', ctx)).digest).toBe(pushed.digest)
    const all = await collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? [])
    expect(all).toContain(`${name}/app`)
    expect(all).not.toContain(`${hidden}/app`)
    await expect(digestsIn(endpoint, `${hidden}/app`, ctx)).rejects.toMatchObject({ code: 'credential' })
  })

  test('says that it is in read only mode', async () => {
    const name = await project()
    await harbor.api('PUT', '/configurations', { read_only: true })
    try {
      const { endpoint, ctx } = await as(ADMIN)
      const { refused } = (await endpoint.adapter.writeRules?.(`${name}/app`, ctx)) ?? {}
      expect(refused?.reason).toBe('Harbor is in read only mode')
      await expect(push(endpoint, `${name}/app`, 'v1', image(), ctx)).rejects.toMatchObject({
        status: 403,
        hint: expect.stringContaining('read only'),
      })
    } finally {
      await harbor.api('PUT', '/configurations', { read_only: false })
    }
  })
})
