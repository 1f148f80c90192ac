/** Policies in opposite directions, and in a ring, whose registries all tell what happens: they settle. */

import { expect, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { type SendingRegistry, sendingRegistry, startDaemon } from './sending.ts'

function yaml(registries: Readonly<Record<string, MemoryRegistry>>, pairs: readonly (readonly [string, string])[]) {
  const named = Object.entries(registries).map(
    ([name, { url }]) => `  ${name}: { type: docker-registry, url: ${url}, hook_secret: none }`,
  )
  const policies = pairs.map(
    ([from, to]) => `  ${from}-to-${to}:
    source: { registry: ${from} }
    destination: { registry: ${to}, flatten: 0 }
    deletion: mirror
    triggers: [{ event: [push, delete] }]`,
  )
  return `registries:\n${named.join('\n')}\npolicies:\n${policies.join('\n')}\nserve: { listen: 127.0.0.1:0, settle: 200ms }\n`
}

function has(registry: MemoryRegistry, tag: string): boolean {
  return registry.repository('app').tags.has(tag)
}

function writes(registry: MemoryRegistry): number {
  return registry.requests.filter(
    ({ method, route }) => route === 'manifest' && (method === 'PUT' || method === 'DELETE'),
  ).length
}

/** Nothing is left to be done, and nothing was written for a while. */
async function quiet(registries: readonly SendingRegistry[], state: () => Promise<boolean>): Promise<void> {
  let last = -1
  let calm = 0
  await until(
    'everything settles',
    async () => {
      const now = registries.reduce((sum, { requests }) => sum + requests.length, 0)
      calm = now === last && (await state()) ? calm + 1 : 0
      last = now
      await new Promise((resolve) => setTimeout(resolve, 250))
      return calm > 6
    },
    100_000,
  )
}

test.each([
  ['two registries', ['a', 'b']],
  ['a ring of three', ['a', 'b', 'c']],
])('%s settle after one pass, deletes included', async (_what, names) => {
  const all = await Promise.all(names.map((name) => sendingRegistry(name)))
  const [first, second] = all
  if (!first || !second) throw new Error('no registries')
  const pairs = names.map((name, at) => [name, names[(at + 1) % names.length] ?? ''] as const)
  const daemon = await startDaemon(yaml(Object.fromEntries(names.map((name, at) => [name, all[at] ?? first])), pairs))
  for (const one of all) one.sendTo(daemon.url)
  const isIdle = async (): Promise<boolean> =>
    (await daemon.user.executions()).every(({ status }) => status === 'succeeded')

  first.push('app', image({ seed: 1 }), 'v1')
  await until('the push reaches all', () => all.every((one) => has(one, 'v1')))
  await quiet(all, isIdle)
  expect(all.map(writes)).toEqual(names.map((_, at) => Number(at > 0)))

  second.push('app', image({ seed: 2 }), 'v2')
  await until('the push at another one reaches all', () => all.every((one) => has(one, 'v2')))
  first.remove('app', 'v1')
  await until('the delete reaches all', () => all.every((one) => !has(one, 'v1')))
  await quiet(all, isIdle)
  expect(all.map(writes)).toEqual(names.map((_, at) => [1, 2, 3][at]))
  expect(all.every((one) => has(one, 'v2'))).toBe(true)
})
