/** What every adapter lists, and what it does where the list fails. */

import { describe, expect, onTestFinished, test } from 'vitest'
import { RegistryError, ReplicateError } from '../../../src/core/errors.ts'
import { image } from '../../support/images.ts'
import { collect, connect, digestsIn } from '../opened.ts'
import { type Bench, switchOf } from './bench.ts'

export function describeListing({ specimen, server, fresh, open, start }: Bench): void {
  test('lists every tag once, with its digest', async () => {
    const repository = fresh()
    const [first, second] = [image({ seed: `${repository} 1` }), image({ seed: `${repository} 2` })]
    await server().seed(repository, 'v1', first)
    await server().seed(repository, 'v2', second)
    await server().seed(repository, 'latest', second)
    const { endpoint, ctx } = await open()
    expect([...(await digestsIn(endpoint, repository, ctx))].sort()).toEqual([
      ['latest', second.digest],
      ['v1', first.digest],
      ['v2', second.digest],
    ])
  })

  test('tells a repository that is not there from one that is empty', async () => {
    const { endpoint, ctx } = await open()
    await expect(digestsIn(endpoint, fresh(), ctx)).rejects.toMatchObject({ status: 404 })
  })

  if (specimen.thousand !== undefined)
    test('lists 1,000 tags with few requests, and reads no manifest', async () => {
      const { requests } = server()
      const repository = fresh()
      const one = image({ seed: repository })
      for (let n = 0; n < 1000; n += 1) await server().seed(repository, `v${n}`, one)
      const { endpoint, ctx } = await open()
      const before = requests?.().length ?? 0
      expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1000)
      const sent = requests?.().slice(before) ?? []
      expect(sent.filter((line) => /\/v2\/.*\/manifests\//.test(line))).toEqual([])
      expect(sent.length).toBeLessThanOrEqual(specimen.thousand ?? 0)
    })

  test('lists repositories where it can', async () => {
    const repository = fresh()
    await server().seed(repository, 'v1', image({ seed: repository }))
    const { endpoint, ctx } = await open()
    const listed = endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx)
    if (specimen.repositories === false) {
      if (listed) await expect(collect(listed)).rejects.toBeInstanceOf(ReplicateError)
      return
    }
    expect(await collect(listed ?? [])).toContain(repository)
    const wanted = { namespaces: server().namespace === '' ? [] : [server().namespace], names: [repository] }
    expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toContain(repository)
  })

  if (!specimen.real && specimen.repositories !== false)
    test('lists repositories over several pages, each once', async () => {
      const own = await start()
      onTestFinished(() => own.close())
      const one = image()
      // More than the largest page that any service gives.
      const names = Array.from({ length: 1050 }, (_, at) => `${own.namespace}/app-${String(at).padStart(4, '0')}`)
      for (const name of names) await own.seed(name, 'v1', one)
      const { endpoint, ctx } = await connect(own)
      const wanted = { namespaces: [own.namespace], names: [] }
      expect((await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).sort()).toEqual(names)
    })

  if (specimen.real) return
  describe('where the listing', () => {
    const seeded = async (): Promise<string> => {
      const repository = fresh()
      await server().seed(repository, 'v1', image({ seed: repository }))
      return repository
    }

    test('is asked too often (429), comes again when it was told to', async () => {
      const fault = switchOf(server(), 'fault')
      const repository = await seeded()
      fault(specimen.listing, { status: 429, headers: { 'retry-after': '7' }, body: '{}' })
      const { endpoint, ctx, events } = await open()
      expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1)
      expect(events.some((event) => event.type === 'waiting')).toBe(true)
    })

    test('fails for a while (503), comes again', async () => {
      const fault = switchOf(server(), 'fault')
      const repository = await seeded()
      fault(specimen.listing, { status: 503 }, 2)
      const { endpoint, ctx } = await open()
      expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1)
    })

    test('fails for good (500), says so', async () => {
      const fault = switchOf(server(), 'fault')
      const repository = await seeded()
      fault(specimen.listing, { status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"broken"}]}' }, 100)
      const { endpoint, ctx } = await open()
      await expect(digestsIn(endpoint, repository, ctx)).rejects.toBeInstanceOf(RegistryError)
    })

    test('is not JSON, says so', async () => {
      const fault = switchOf(server(), 'fault')
      const repository = await seeded()
      const page = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Welcome</html>' }
      fault(specimen.listing, page)
      const { endpoint, ctx } = await open()
      await expect(digestsIn(endpoint, repository, ctx)).rejects.toBeInstanceOf(RegistryError)
    })

    test('is refused (403), is told as a permission and not as a credential', async () => {
      const fault = switchOf(server(), 'fault')
      const repository = await seeded()
      fault(specimen.listing, { status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}' })
      const { endpoint, ctx } = await open()
      const listed = await digestsIn(endpoint, repository, ctx).catch((error: unknown) => error)
      // An adapter may know another way to list.
      if (Array.isArray(listed)) expect(listed).toEqual([['v1', image({ seed: repository }).digest]])
      else expect(listed).toMatchObject({ code: 'registry', status: 403, hint: expect.stringMatching(/./) })
    })

    if (specimen.pages !== false)
      test('goes round in a circle, ends', async () => {
        const loop = switchOf(server(), 'loop')
        const repository = await seeded()
        // More than a page, where a fake's pages are short.
        for (const tag of ['v2', 'v3']) await server().seed(repository, tag, image({ seed: repository }))
        loop(true)
        const { endpoint, ctx } = await open()
        await expect(digestsIn(endpoint, repository, ctx)).rejects.toThrow(/circle/)
      })
  })
}
