/** What every adapter must do, on its fake and on the real server: check, list, write, delete, and say what is wrong. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from '../../../adapters/index.ts'
import type { AdapterType } from '../../../src/core/adapter.ts'
import { CredentialError, NetworkError, RegistryError } from '../../../src/core/errors.ts'
import type { Registry } from '../../../src/core/registry.ts'
import { image } from '../../support/images.ts'
import { connect, digestsIn } from '../opened.ts'
import { type Bench, reset, switchOf } from './bench.ts'
import { describeListing } from './listing.ts'
import { describeSilence } from './silence.ts'
import type { AdapterSpecimen, AdapterUnderTest } from './specimen.ts'
import { describeWriting } from './writing.ts'

export function describeAdapter(
  title: string,
  start: () => Promise<AdapterUnderTest>,
  specimen: AdapterSpecimen,
): void {
  describe.skipIf(specimen.available === false)(`${title} as an adapter`, () => {
    let started: AdapterUnderTest | undefined
    let names = 0

    beforeAll(async () => {
      started = await start()
    })
    afterEach(() => {
      if (started) reset(started)
    })
    afterAll(async () => {
      await started?.close()
    })

    const server = (): AdapterUnderTest => {
      if (!started) throw new Error('the server was not started')
      return started
    }
    const bench: Bench = {
      specimen,
      start,
      server,
      fresh() {
        names += 1
        return `${server().namespace === '' ? '' : `${server().namespace}/`}case-${names}`
      },
      open: (change = {}) => connect({ ...server(), ...change }),
    }

    test('says what it is', () => {
      const type = typeOf(specimen.identity)
      expect(type.name).not.toBe('')
      expect(type.listing).not.toBe('')
      expect(type.filters).toContain('name')
    })

    test('answers a check with the right credential', async () => {
      const { endpoint, ctx } = await bench.open()
      await endpoint.adapter.ping(ctx)
    })

    if (specimen.wrong)
      test('tells a wrong credential as one', async () => {
        const { endpoint, ctx } = await bench.open({ env: specimen.wrong ?? {} })
        await expect(endpoint.adapter.ping(ctx)).rejects.toBeInstanceOf(CredentialError)
      })

    test('tells a registry that is down as one', async () => {
      const { registry } = server()
      const { endpoint, ctx } = await bench.open({ registry: { ...registry, name: 'down', ...nowhere(registry) } })
      await expect(endpoint.adapter.ping(ctx)).rejects.toBeInstanceOf(NetworkError)
    })

    describeListing(bench)
    describeWriting(bench)
    if (!specimen.real) describeSilence(bench)

    if (!specimen.real && specimen.expires !== false)
      test('goes on where what was signed in has expired', async () => {
        const expire = switchOf(server(), 'expire')
        const repository = bench.fresh()
        await server().seed(repository, 'v1', image({ seed: repository }))
        const { endpoint, ctx } = await bench.open()
        const store = endpoint.adapter.repository(repository)
        await store.readManifest('v1', ctx)
        expire()
        expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v1', image({ seed: repository }).digest]])
        expire()
        expect((await store.readManifest('v1', ctx)).bytes.length).toBeGreaterThan(0)
      })

    test('reads what its webhooks tell', async () => {
      const { parseEvents, hooks } = typeOf(specimen.identity)
      expect(Boolean(parseEvents)).toBe((specimen.deliveries ?? []).length > 0)
      expect(Boolean(hooks)).toBe(Boolean(parseEvents))
      for (const { delivery, events } of specimen.deliveries ?? []) {
        expect(await parseEvents?.(delivery)).toEqual(events)
      }
      const told = (specimen.deliveries ?? []).flatMap(({ events }) => events.map(({ action }) => action))
      expect(told).toEqual(expect.arrayContaining([...(hooks?.events ?? [])]))
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
