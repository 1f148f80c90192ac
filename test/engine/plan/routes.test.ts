import { expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import type { TaskSpec } from '../../../src/core/plan.ts'
import { type Endpoint, ManifestMemory } from '../../../src/engine/endpoint.ts'
import { planRoutes } from '../../../src/engine/plan/routes.ts'
import { sidedEndpoint } from '../../../src/engine/sided.ts'
import { image } from '../../support/images.ts'
import { endpoint, memoryRegistry, policyOf } from '../setup.ts'

async function planned(source: Endpoint, count: number): Promise<readonly TaskSpec[]> {
  const tasks: TaskSpec[] = []
  const routes = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const to = endpoint('to', await memoryRegistry())
      const name = `to-${at}`
      return {
        policy: policyOf({ destination: { registry: name } }),
        destination: { ...to, registry: { ...to.registry, name } },
      }
    }),
  )
  const sink = { task: (task: TaskSpec) => tasks.push(task), unchanged: () => {} }
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  await planRoutes({ source, memory: new ManifestMemory() }, routes, sink, ctx)
  return tasks
}

test('for several destinations the source is asked once for its repositories and its tags', async () => {
  const source = await memoryRegistry()
  for (const name of ['a', 'b']) source.add(name, image({ seed: name }), 'v1')
  expect(await planned(endpoint('from', source), 3)).toHaveLength(6)
  const routes = source.requests.map(({ route }) => route)
  expect(routes.filter((route) => route === 'catalog')).toHaveLength(1)
  expect(routes.filter((route) => route === 'tags')).toHaveLength(2)
})

test('an adapter that lists tags by an API of its own, and is written as a class, is asked once too', async () => {
  const source = await memoryRegistry()
  const built = image()
  source.add('app', built, 'v1')
  const from = endpoint('from', source)
  let asked = 0
  class Classy {
    ping(): Promise<void> {
      return Promise.resolve()
    }
    repository(name: string) {
      return from.adapter.repository(name)
    }
    async *repositories(): AsyncIterable<string> {
      yield 'app'
    }
    async *listTags(): AsyncIterable<TagInfo> {
      asked += 1
      yield { tag: 'v1', digest: built.digest, mediaType: built.mediaType }
    }
  }
  const tasks = await planned(sidedEndpoint({ ...from, adapter: new Classy() }, 'source'), 3)
  expect(tasks).toHaveLength(3)
  expect(asked).toBe(1)
})

test('what the source could not answer for one destination is asked again for the next', async () => {
  const source = await memoryRegistry({
    fault: ({ path }, seen) => (path.startsWith('/v2/app/tags/') && seen === 0 ? { status: 403 } : undefined),
  })
  source.add('app', image(), 'v1')
  const tasks = await planned(endpoint('from', source), 2)
  expect(tasks.map(({ action }) => action).sort()).toEqual(['blocked', 'copy'])
})
