/** Which events are echoes of what policies wrote themselves. */

import { expect, test } from 'vitest'
import type { RegistryEvent } from '../../../src/core/adapter.ts'
import type { TaskSpec } from '../../../src/core/plan.ts'
import { createEvents } from '../../../src/serve/events/events.ts'
import type { Events } from '../../../src/serve/parts.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'

const [ONE, OTHER] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`] as const

function yaml(...pairs: readonly string[]): string {
  const policies = pairs.map((pair) => {
    const [from, to] = pair.split(' ')
    const [registry, namespace] = to?.split('/') ?? []
    return `  ${from}-${to?.replace('/', '-')}:
    source: { registry: ${from} }
    destination: { registry: ${registry}${namespace ? `, namespace: ${namespace}` : ''}, flatten: 0 }
    deletion: mirror
    triggers: [{ event: [push, delete] }]`
  })
  const registries = ['a', 'b', 'c'].map((name) => `  ${name}: { type: docker-registry, url: https://${name}.test }`)
  return `registries:\n${registries.join('\n')}\npolicies:\n${policies.join('\n')}\n`
}

/** The history of a policy that has just written a tag of `app` at a registry, or deleted it. */
function wrote(daemon: DaemonDouble, policy: string, registry: string, action: 'copy' | 'delete' = 'copy'): void {
  const { executions, tasks, locks } = daemon.history
  const begun = executions.begin({ policy, snapshot: '{}', trigger: 'event', lock: policy })
  if (!('id' in begun)) throw new Error('locked')
  const spec: TaskSpec = {
    action,
    resource_type: 'image',
    source: { registry: 'any', repository: 'app', tag: 'v1' },
    destination: { registry, repository: 'app', tag: 'v1' },
    ...(action === 'copy' ? { digest: ONE } : { previous_digest: ONE }),
  }
  tasks.add(begun.id, [spec])
  for (const task of tasks.takePending(begun.id, 1, 0, action === 'copy' ? 'transfer' : 'delete')) {
    tasks.finish(task.id, 'succeeded')
  }
  executions.move(begun.id, 'in_progress')
  executions.finish(begun.id)
  locks.release(begun.id)
}

const push: RegistryEvent = { action: 'push', repository: 'app', tag: 'v1', digest: ONE }
const gone: RegistryEvent = { action: 'delete', repository: 'app', tag: 'v1' }

const started = new WeakMap<DaemonDouble, Events>()

/** The policies that an event is passed to. */
async function heard(daemon: DaemonDouble, registry: string, event: RegistryEvent): Promise<readonly string[]> {
  const before = daemon.wishes.length
  const events = started.get(daemon) ?? createEvents(daemon)
  started.set(daemon, events)
  events.take(registry, [event], 'event')
  await daemon.clock.advance(2000)
  const wishes = daemon.wishes.slice(before)
  for (const wish of wishes) wish.settled?.({ kind: 'ran', outcome: { policy: wish.policy, exitCode: 0 } })
  return wishes.map(({ policy }) => policy)
}

test('a push that a policy has made is not carried back, one of something else is', async () => {
  const daemon = await daemonDouble(yaml('a b', 'b a'))
  wrote(daemon, 'a-b', 'b')
  expect(await heard(daemon, 'b', push)).toEqual([])
  expect(await heard(daemon, 'b', { ...push, digest: OTHER })).toEqual(['b-a'])
  expect(await heard(daemon, 'b', { ...push, tag: 'v2' })).toEqual(['b-a'])
  expect(await heard(daemon, 'a', push)).toEqual(['a-b'])
})

test('a push long after the policy made the same one is a new one', async () => {
  const daemon = await daemonDouble(yaml('a b', 'b a'))
  wrote(daemon, 'a-b', 'b')
  await daemon.clock.advance(11 * 60 * 1000)
  expect(await heard(daemon, 'b', push)).toEqual(['b-a'])
})

test('a write goes on to other registries, and to other places of the registry it came from', async () => {
  const daemon = await daemonDouble(yaml('a b', 'b a', 'b a/backup', 'b c'))
  wrote(daemon, 'a-b', 'b')
  expect([...(await heard(daemon, 'b', push))].sort()).toEqual(['b-a-backup', 'b-c'])
})

test('what has gone round a ring is not carried on to where it began', async () => {
  const daemon = await daemonDouble(yaml('a b', 'b c', 'c a'))
  wrote(daemon, 'a-b', 'b')
  expect(await heard(daemon, 'b', push)).toEqual(['b-c'])
  wrote(daemon, 'b-c', 'c')
  expect(await heard(daemon, 'c', push)).toEqual([])
})

test('a delete that a policy has made is not carried back or round, so that what was pushed there since is safe', async () => {
  const daemon = await daemonDouble(yaml('a b', 'b c', 'c a', 'b a'))
  wrote(daemon, 'a-b', 'b', 'delete')
  expect(await heard(daemon, 'b', gone)).toEqual(['b-c'])
  wrote(daemon, 'b-c', 'c', 'delete')
  expect(await heard(daemon, 'c', gone)).toEqual([])
})

test('a delete of what was pushed again since the policy deleted it is someone else’s', async () => {
  const daemon = await daemonDouble(yaml('a b', 'b a'))
  wrote(daemon, 'a-b', 'b', 'delete')
  await daemon.clock.advance(1000)
  expect(await heard(daemon, 'b', { ...push, digest: OTHER })).toEqual(['b-a'])
  expect(await heard(daemon, 'b', gone)).toEqual(['b-a'])
})
