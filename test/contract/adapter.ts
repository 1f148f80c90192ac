/** What every adapter must do, on its fake and on the real server: check, list, write, delete, and say what is wrong. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import type { AdapterType, Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { CredentialError, NetworkError, RegistryError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { type Artifact, image } from '../support/images.ts'
import { collect, connect, contentOf, digestsIn, prepared, push } from './opened.ts'

/** A registry of the adapter's type that runs. */
export interface AdapterUnderTest {
  /** As the configuration says it. */
  readonly registry: Registry
  /** The credential in `REPLICATE_<NAME>_…`, and what else the environment says. */
  readonly env: Readonly<Record<string, string>>
  /** Below which tests may make repositories: a namespace that exists; `''` where there is none. */
  readonly namespace: string
  /** Puts an artifact there without the adapter's help. */
  seed(repository: string, tag: string, artifact: Artifact): Promise<void> | void
  /** `METHOD path` of every request so far, at all its addresses. Absent: it cannot be watched. */
  requests?(): readonly string[]
  /** The next `times` (default 1) requests whose `METHOD path` matches are answered so. Absent: it cannot be made to. */
  fault?(match: RegExp, answer: FakeAnswer, times?: number): void
  /** While it is on, every page of a listing says that it itself comes next. */
  loop?(on: boolean): void
  /** Everything that was signed in until now has expired. */
  expire?(): void
  close(): Promise<void>
}

export interface FakeAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What an adapter is known not to do, and what is particular to it: said here, and then tested to be so. */
export interface AdapterSpecimen {
  readonly identity: string
  /** `METHOD path` of the requests that list a repository's tags. */
  readonly listing: RegExp
  /** An environment with a credential that is wrong. Absent: it takes whoever comes. */
  readonly wrong?: Readonly<Record<string, string>>
  /** How many requests an unchanged repository of 1,000 tags may cost. Absent: each tag costs one. */
  readonly thousand?: number
  /** Its catalogue cannot be listed. */
  readonly repositories?: false
  /** Nothing is deleted, or no tag by itself, or no manifest. */
  readonly deleteTag?: false
  readonly deleteManifest?: false
  /** A repository must be made before it is pushed to: `ensureRepository` or `ensureNamespace` does. */
  readonly create?: 'repository' | 'namespace'
  /** A real server, which cannot be made to fail. */
  readonly real?: true
  /** Its listing has no pages. */
  readonly pages?: false
  /** What it signs in with does not expire. */
  readonly expires?: false
  /** Webhooks as they really come, and what they tell. */
  readonly deliveries?: readonly { readonly delivery: Delivery; readonly events: readonly RegistryEvent[] }[]
  /** false: the server is not installed. The suite is skipped, which the global set-up says. */
  readonly available?: boolean
}

export function describeAdapter(
  title: string,
  start: () => Promise<AdapterUnderTest>,
  specimen: AdapterSpecimen,
): void {
  describe.skipIf(specimen.available === false)(`${title} as an adapter`, () => {
    let made: AdapterUnderTest | undefined
    let names = 0

    beforeAll(async () => {
      made = await start()
    })
    afterAll(async () => {
      await made?.close()
    })

    const it = (): AdapterUnderTest => {
      if (!made) throw new Error('the server was not started')
      return made
    }
    /** A repository that does not exist yet. */
    const fresh = (): string => {
      names += 1
      return `${it().namespace === '' ? '' : `${it().namespace}/`}case-${names}`
    }
    const open = (change: Partial<Pick<AdapterUnderTest, 'registry' | 'env'>> = {}) => connect({ ...it(), ...change })

    test('says what it is', () => {
      const type = typeOf(specimen.identity)
      expect(type.name).not.toBe('')
      expect(type.listing).not.toBe('')
      expect(type.filters).toContain('name')
    })

    test('answers a check with the right credential, and writes nothing', async () => {
      const { endpoint, ctx } = await open()
      await endpoint.adapter.ping(ctx)
      const writes =
        it()
          .requests?.()
          .filter((line) => /^(PUT|PATCH|DELETE) /.test(line)) ?? []
      expect(writes).toEqual([])
    })

    if (specimen.wrong)
      test('tells a wrong credential as one', async () => {
        const { endpoint, ctx } = await open({ env: specimen.wrong ?? {} })
        const error = await endpoint.adapter.ping(ctx).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        expect(error).toBeInstanceOf(CredentialError)
      })

    test('tells a registry that is down as one', async () => {
      const { registry } = it()
      const { endpoint, ctx } = await open({ registry: { ...registry, name: 'down', ...nowhere(registry) } })
      await expect(endpoint.adapter.ping(ctx)).rejects.toBeInstanceOf(NetworkError)
    })

    test('lists every tag once, with its digest', async () => {
      const repository = fresh()
      const [first, second] = [image({ seed: `${repository} 1` }), image({ seed: `${repository} 2` })]
      await it().seed(repository, 'v1', first)
      await it().seed(repository, 'v2', second)
      await it().seed(repository, 'latest', second)
      const { endpoint, ctx } = await open()
      expect(new Map(await digestsIn(endpoint, repository, ctx))).toEqual(
        new Map([
          ['v1', first.digest],
          ['v2', second.digest],
          ['latest', second.digest],
        ]),
      )
    })

    test('tells a repository that is not there from one that is empty', async () => {
      const { endpoint, ctx } = await open()
      await expect(digestsIn(endpoint, fresh(), ctx)).rejects.toMatchObject({ status: 404 })
    })

    if (specimen.thousand !== undefined)
      test('lists 1,000 tags with few requests, and reads no manifest', async () => {
        const { requests } = it()
        const repository = fresh()
        const one = image({ seed: repository })
        for (let n = 0; n < 1000; n += 1) await it().seed(repository, `v${n}`, one)
        const { endpoint, ctx } = await open()
        const before = requests?.().length ?? 0
        expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1000)
        const made = requests?.().slice(before) ?? []
        expect(made.filter((line) => /\/manifests\//.test(line))).toEqual([])
        expect(made.length).toBeLessThanOrEqual(specimen.thousand ?? 0)
      })

    test('lists repositories where it can', async () => {
      const repository = fresh()
      await it().seed(repository, 'v1', image({ seed: repository }))
      const { endpoint, ctx } = await open()
      const listed = endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx)
      if (specimen.repositories === false) {
        if (listed) await expect(collect(listed)).rejects.toBeInstanceOf(Error)
      } else {
        expect(await collect(listed ?? [])).toContain(repository)
        const wanted = { namespaces: it().namespace === '' ? [] : [it().namespace], names: [repository] }
        expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toContain(repository)
      }
    })

    test('takes an image, gives it back, and finds it under its tag', async () => {
      const repository = fresh()
      const { endpoint, ctx } = await open()
      await prepared(endpoint, repository, ctx)
      const artifact = image({ seed: repository })
      await push(endpoint, repository, 'v1', artifact, ctx)
      const store = endpoint.adapter.repository(repository)
      expect((await store.resolve('v1', ctx))?.digest).toBe(artifact.digest)
      expect(Buffer.from((await store.readManifest('v1', ctx)).bytes)).toEqual(Buffer.from(artifact.bytes))
      for (const [digest, bytes] of artifact.blobs) {
        const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
        expect(await store.hasBlob(blob, ctx)).toBe(true)
        expect(await contentOf(await store.readBlob(blob, 0, ctx))).toEqual(bytes)
      }
      expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v1', artifact.digest]])
    })

    test('creates what must be there before a push, also twice', async () => {
      const repository = fresh()
      const { endpoint, ctx } = await open()
      await prepared(endpoint, repository, ctx)
      await prepared(endpoint, repository, ctx)
      const { adapter } = endpoint
      expect({ repository: Boolean(adapter.ensureRepository), namespace: Boolean(adapter.ensureNamespace) }).toEqual({
        repository: specimen.create === 'repository',
        namespace: specimen.create === 'namespace',
      })
    })

    test('deletes a tag and leaves the others', async () => {
      const repository = fresh()
      const { endpoint, ctx } = await open()
      await prepared(endpoint, repository, ctx)
      const artifact = image({ seed: repository })
      for (const tag of ['v1', 'v2']) await push(endpoint, repository, tag, artifact, ctx)
      const store = endpoint.adapter.repository(repository)
      if (specimen.deleteTag === false) {
        if (store.deleteTag) await expect(store.deleteTag('v1', ctx)).rejects.toBeInstanceOf(Error)
      } else {
        await store.deleteTag?.('v1', ctx)
        expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v2', artifact.digest]])
      }
    })

    test('deletes a manifest with all its tags', async () => {
      const repository = fresh()
      const { endpoint, ctx } = await open()
      await prepared(endpoint, repository, ctx)
      const [gone, kept] = [image({ seed: `${repository} gone` }), image({ seed: `${repository} kept` })]
      await push(endpoint, repository, 'v1', gone, ctx)
      await push(endpoint, repository, 'v2', kept, ctx)
      const store = endpoint.adapter.repository(repository)
      if (specimen.deleteManifest === false) {
        if (store.deleteManifest) await expect(store.deleteManifest(gone.digest, ctx)).rejects.toBeInstanceOf(Error)
      } else {
        await store.deleteManifest?.(gone.digest, ctx)
        expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v2', kept.digest]])
      }
    })

    if (!specimen.real)
      describe('where the listing', () => {
        const seeded = async (): Promise<string> => {
          const repository = fresh()
          await it().seed(repository, 'v1', image({ seed: repository }))
          return repository
        }

        test('is asked too often (429), comes again when it was told to', async () => {
          const { fault } = it()
          const repository = await seeded()
          fault?.(specimen.listing, { status: 429, headers: { 'retry-after': '7' }, body: '{}' })
          const { endpoint, ctx, events } = await open()
          expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1)
          expect(events.some((event) => event.type === 'waiting')).toBe(true)
        })

        test('fails for a while (503), comes again', async () => {
          const { fault } = it()
          const repository = await seeded()
          fault?.(specimen.listing, { status: 503 }, 2)
          const { endpoint, ctx } = await open()
          expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1)
        })

        test('fails for good (500), says so', async () => {
          const { fault } = it()
          const repository = await seeded()
          fault?.(specimen.listing, { status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"broken"}]}' }, 100)
          const { endpoint, ctx } = await open()
          await expect(digestsIn(endpoint, repository, ctx)).rejects.toBeInstanceOf(RegistryError)
          fault?.(/^$/, { status: 500 }, 0)
        })

        test('is no JSON, says so', async () => {
          const { fault } = it()
          const repository = await seeded()
          const page = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Welcome</html>' }
          fault?.(specimen.listing, page)
          const { endpoint, ctx } = await open()
          await expect(digestsIn(endpoint, repository, ctx)).rejects.toBeInstanceOf(RegistryError)
        })

        test('is refused (403), is told as a permission and not as a credential', async () => {
          const { fault } = it()
          const repository = await seeded()
          fault?.(specimen.listing, { status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}' })
          const { endpoint, ctx } = await open()
          const listed = await digestsIn(endpoint, repository, ctx).catch((error: unknown) => error)
          // An adapter may know another way to list.
          if (Array.isArray(listed)) expect(listed).toHaveLength(1)
          else expect(listed).toMatchObject({ code: 'registry', status: 403, hint: expect.stringMatching(/./) })
        })

        if (specimen.pages !== false)
          test('goes round in a circle, ends', async () => {
            const repository = await seeded()
            // More than a page, where a fake's pages are short.
            for (const tag of ['v2', 'v3']) await it().seed(repository, tag, image({ seed: repository }))
            it().loop?.(true)
            const { endpoint, ctx } = await open()
            await expect(digestsIn(endpoint, repository, ctx)).rejects.toBeInstanceOf(RegistryError)
            it().loop?.(false)
          })
      })

    if (!specimen.real && specimen.expires !== false)
      test('goes on where what was signed in has expired', async () => {
        const { expire } = it()
        const repository = fresh()
        await it().seed(repository, 'v1', image({ seed: repository }))
        const { endpoint, ctx } = await open()
        await endpoint.adapter.repository(repository).readManifest('v1', ctx)
        expire?.()
        expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1)
        expire?.()
        expect((await endpoint.adapter.repository(repository).readManifest('v1', ctx)).bytes.length).toBeGreaterThan(0)
      })

    test('reads what its webhooks tell', async () => {
      const { parseEvents } = typeOf(specimen.identity)
      expect(Boolean(parseEvents)).toBe((specimen.deliveries ?? []).length > 0)
      for (const { delivery, events } of specimen.deliveries ?? []) {
        expect(await parseEvents?.(delivery)).toEqual(events)
      }
      if (!parseEvents) return
      for (const body of [undefined, null, 'text', 7, [], {}, { events: 'none' }]) {
        // Whatever it is: an error of ours or nothing, never a crash.
        try {
          expect(await parseEvents({ headers: {}, body })).toEqual([])
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError)
        }
      }
    })
  })
}

function typeOf(identity: string): AdapterType {
  const type = adapters.find((candidate) => candidate.identity === identity)
  if (!type) throw new Error(`no adapter ${identity}`)
  return type
}

/** An address of this machine where nothing listens, for every address that the registry names. */
function nowhere({ url, options = {} }: Registry): Pick<Registry, 'url' | 'options'> {
  const closed = (text: string): string => text.replace(/^http:\/\/127\.0\.0\.1:\d+/, 'http://127.0.0.1:9')
  const changed = Object.entries(options).map(([name, value]) => [
    name,
    typeof value === 'string' ? closed(value) : value,
  ])
  return { ...(url === undefined ? {} : { url: closed(url) }), options: Object.fromEntries(changed) }
}
