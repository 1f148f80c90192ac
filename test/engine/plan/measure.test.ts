/** How much a plan says it will copy. */

import { expect, test } from 'vitest'
import type { TaskSpec } from '../../../src/core/plan.ts'
import { type Endpoint, ManifestMemory } from '../../../src/engine/endpoint.ts'
import { createMeasure } from '../../../src/engine/plan/measure.ts'
import { cosignSignature, image, referrer } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { endpoint, memoryRegistry, policyOf } from '../setup.ts'

const NAMES = ['a', 'b', 'c'] as const

/** The manifest of repository `late` is read only once the others have been. */
function withLate(from: Endpoint, late: string): Endpoint {
  let open = (): void => {}
  let left = NAMES.length - 1
  const others = new Promise<void>((resolve) => {
    open = resolve
  })
  const { adapter } = from
  return {
    ...from,
    adapter: {
      ...adapter,
      repository(name) {
        const store = adapter.repository(name)
        return {
          ...store,
          async readManifest(reference, ctx) {
            if (name === late) await others
            const manifest = await store.readManifest(reference, ctx)
            left -= 1
            if (left === 0) setImmediate(open)
            return manifest
          },
        }
      },
    },
  }
}

test('a layer that several images share counts for the first of them, whichever manifest is read last', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  const base = [randomBytes(300_000, 'shared')]
  const tasks = NAMES.map((name): TaskSpec => {
    const artifact = image({ seed: name, size: 10_000, base })
    source.add(name, artifact, 'v1')
    return {
      action: 'copy',
      resource_type: 'image',
      source: { registry: 'from', repository: name, tag: 'v1' },
      destination: { registry: 'to', repository: `mirror/${name}`, tag: 'v1' },
      digest: artifact.digest,
    }
  })
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  const measured = async (late: string): Promise<readonly unknown[]> => {
    const from = withLate(endpoint('from', source), late)
    const measure = createMeasure(
      policyOf(),
      async () => ({ source: from, pulls: undefined }),
      endpoint('to', destination),
      new ManifestMemory(),
    )
    const all = await Promise.all(tasks.map((task) => measure(task, ctx)))
    return all.map((one) => one?.layers_to_copy)
  }
  for (const late of NAMES) expect(await measured(late), `${late} comes last`).toEqual([3, 2, 2])
})

test('what refers to an artifact counts, by every convention, unless it stays behind', async () => {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  const artifact = image()
  const signature = cosignSignature(artifact.descriptor)
  source.add('app', artifact, 'v1')
  source.add('app', referrer(artifact.descriptor))
  source.add('app', signature.artifact, signature.tag)
  const task: TaskSpec = {
    action: 'copy',
    resource_type: 'image',
    source: { registry: 'from', repository: 'app', tag: 'v1' },
    destination: { registry: 'to', repository: 'app', tag: 'v1' },
    digest: artifact.digest,
  }
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  const counted = async (policy: Parameters<typeof policyOf>[0]): Promise<number | null | undefined> => {
    const [from, to] = [endpoint('from', source), endpoint('to', destination)]
    const side = async () => ({ source: from, pulls: undefined })
    return (await createMeasure(policyOf(policy), side, to, new ManifestMemory())(task, ctx))?.referrers
  }
  expect(await counted({})).toBe(2)
  expect(await counted({ referrers: false })).toBeNull()
})
