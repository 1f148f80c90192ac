/** Failures name the side that they happened on: by a store of each kind of method, and in a run, a plan and a verification. */

import { describe, expect, test } from 'vitest'
import type { Adapter } from '../../src/core/adapter.ts'
import { describeError, NetworkError, RegistryError } from '../../src/core/errors.ts'
import { sidedEndpoint } from '../../src/engine/sided.ts'
import { policyBetween, workplace } from '../e2e/harness.ts'
import { run } from '../faults/setup.ts'
import { image } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { endpoint, memoryRegistry, planOf, policyOf } from './setup.ts'

const ctx = { signal: new AbortController().signal, emit: () => {} }
const blob = { mediaType: '', digest: 'sha256:00', size: 1 } as const

async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('nothing failed')
}

async function readAll(things: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of things);
}

/** An adapter written as a class, everything of which fails with the same error; `returned` counts streams that were closed. */
class Failing {
  readonly error = new NetworkError('reset')
  returned = 0
  async ping(): Promise<void> {
    throw this.error
  }
  async *repositories(): AsyncIterable<string> {
    yield 'app'
    throw this.error
  }
  repository() {
    const { error } = this
    const stream = {
      next: () => Promise.reject(error),
      return: async () => {
        this.returned += 1
        return { done: true, value: undefined }
      },
    }
    return {
      resolve: () => Promise.reject(error),
      tags() {
        throw error
      },
      readBlob: async () => ({ [Symbol.asyncIterator]: () => stream }),
    }
  }
}

async function sides() {
  const failing = new Failing()
  const opened = { ...endpoint('from', await memoryRegistry()), adapter: failing as unknown as Adapter }
  return { failing, source: sidedEndpoint(opened, 'source').adapter, opened }
}

test.each<[string, (source: Adapter) => unknown]>([
  ['a promise', (source) => source.ping(ctx)],
  ['a list', (source) => readAll(source.repositories?.({ namespaces: [], names: [] }, ctx) ?? nothing())],
  ['a store', (source) => source.repository('app').resolve('v1', ctx)],
  ['a method that throws at once', (source) => source.repository('app').tags(ctx)],
  ['a stream', async (source) => readAll(await source.repository('app').readBlob(blob, 0, ctx))],
])('what %s of a source throws is said of the source', async (_, fail) => {
  const { source } = await sides()
  expect(describeError(await failureOf(() => fail(source)))).toBe('source from: reset')
})

async function* nothing(): AsyncIterable<never> {}

test('one error that is seen from both sides is said of each by its own', async () => {
  const { failing, source, opened } = await sides()
  const destination = sidedEndpoint(opened, 'destination').adapter
  const errors = [await failureOf(() => source.ping(ctx)), await failureOf(() => destination.ping(ctx))]
  expect(errors.map(describeError)).toEqual(['source from: reset', 'destination from: reset'])
  expect(errors[0]).toBeInstanceOf(NetworkError)
  expect(errors[0]).toMatchObject({ code: 'network', retryable: true, exitCode: 3, cause: failing.error })
  expect(failing.error.side).toBeUndefined()
})

test('a stream that is given up before its first byte is closed', async () => {
  const { failing, source } = await sides()
  const stream = (await source.repository('app').readBlob(blob, 0, ctx))[Symbol.asyncIterator]()
  await stream.return?.()
  expect(failing.returned).toBe(1)
})

test('what the adapter cannot do, its side cannot do', async () => {
  const { source } = await sides()
  expect(source.listTags).toBeUndefined()
  expect(source.repository('app').mountBlob).toBeUndefined()
})

test('an error keeps its class, its fields and its words', async () => {
  const { failing, source } = await sides()
  const error = new RegistryError('no', { status: 404, method: 'GET', path: '/v2/', codes: ['MANIFEST_UNKNOWN'] })
  Object.assign(failing, { error })
  const seen = await failureOf(() => source.ping(ctx))
  expect(seen).toBeInstanceOf(RegistryError)
  expect(seen).toMatchObject({ status: 404, codes: ['MANIFEST_UNKNOWN'], message: 'no', name: 'RegistryError' })
})

describe('the program blames', () => {
  test('a source that breaks off in every blob, in a run', async () => {
    const artifact = image({ layers: 1, size: 300_000, seed: 'breaks' })
    const { ran } = await run({
      artifact,
      source: ({ method, route }) => (method === 'GET' && route === 'blob' ? { cut: 'down', at: 0 } : undefined),
    })
    expect(ran.tasks[0]?.error?.message).toMatch(/^source from: /)
  })

  test('a destination that cannot say which blobs it has, in a plan', async () => {
    const [source, destination] = [
      await registry(),
      await broken((method, route) => method === 'HEAD' && route === 'blob'),
    ]
    source.add('app', image({ seed: 'planned' }), 'v1')
    destination.add('mirror/app', image({ seed: 'old' }), 'old')
    const { actions } = await workplace().plan(policyBetween(source.url, destination.url))
    expect(actions[0]).toMatchObject({ action: 'blocked', reason: expect.stringMatching(/^destination to: /) })
  })

  test('a source that cannot list referrers, in a comparison of unchanged tags', async () => {
    const [source, destination] = [await broken((_, route) => route === 'referrers'), await memoryRegistry()]
    const artifact = image({ seed: 'compared' })
    source.add('app', artifact, 'v1')
    destination.add('mirror/app', artifact, 'v1')
    const { tasks } = await planOf(policyOf(), endpoint('from', source), endpoint('to', destination), {
      referrers: 'all',
    })
    expect(tasks[0]).toMatchObject({ action: 'blocked', reason: expect.stringMatching(/^source from: /) })
  })
})

/** Answers 409 where `is` says so: that is not tried again. */
async function broken(is: (method: string, route: string) => boolean): Promise<MemoryRegistry> {
  return memoryRegistry({ fault: ({ method, route }) => (is(method, route) ? { status: 409 } : undefined) })
}

test('a store has one side, however often it is asked for', async () => {
  const store = { resolve: async () => undefined }
  const given = {
    ...endpoint('from', await memoryRegistry()),
    adapter: { repository: () => store } as unknown as Adapter,
  }
  const { adapter } = sidedEndpoint(given, 'source')
  expect(adapter.repository('a')).toBe(adapter.repository('a'))
})
