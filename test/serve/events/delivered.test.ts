/** What becomes of deliveries when processes die, registries repeat themselves, and other executions are in the way. */

import { expect, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import type { Fault, LoggedRequest, MemoryRegistry } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'
import { deliveryOf, post, startDaemon } from './sending.ts'

/** Milliseconds: requests are repeated for a while, and events after half a minute. */
const SLOWLY = 150_000
const TRIGGER = '    triggers: [{ event: [push, delete] }]'

function yaml(source: MemoryRegistry, destination: MemoryRegistry, policy = TRIGGER, settle = '200ms'): string {
  return `
registries:
  hub: { type: docker-registry, url: ${source.url}, hook_secret: none }
  mirror: { type: docker-registry, url: ${destination.url} }
policies:
  copy:
    source: { registry: hub }
    destination: { registry: mirror }
    retry: { attempts: 1, delay: 1s }
${policy}
serve: { listen: 127.0.0.1:0, settle: ${settle} }
`
}

function push(tag: string, repository = 'app') {
  return { action: 'push' as const, repository, tag }
}

function tagsOf(registry: MemoryRegistry): readonly string[] {
  return [...registry.repository('app').tags.keys()].sort()
}

/** Uploads that a test holds for as long as it likes. */
function held(): { holding: boolean; fault: (request: LoggedRequest) => Fault | undefined } {
  const state = {
    holding: true,
    fault: ({ route, method }: LoggedRequest): Fault | undefined =>
      state.holding && route === 'upload' && method !== 'GET' ? { hang: true } : undefined,
  }
  return state
}

test('a burst of 1,000 arrives in few executions, with all tags right', async () => {
  const [source, destination] = [await registry(), await registry()]
  for (let at = 0; at < 1000; at += 1) source.add('app', image({ seed: at % 10 }), `v${at}`)
  const { url, user } = await startDaemon(yaml(source, destination))
  for (let at = 0; at < 1000; at += 10) {
    const events = Array.from({ length: 10 }, (_, index) => push(`v${at + index}`))
    expect(await post(url, 'hub', deliveryOf(events))).toBe(202)
  }
  await until('all tags are there', () => destination.repository('app').tags.size === 1000, SLOWLY)
  expect(destination.repository('app').tags).toEqual(source.repository('app').tags)
  const executions = await user.executions()
  expect(executions.length).toBeLessThan(20)
  expect(new Set(executions.map(({ trigger }) => trigger))).toEqual(new Set(['event']))
})

test('the same delivery twice, and after a crash once more, copies once', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 1 }), 'v1')
  const first = await startDaemon(yaml(source, destination))
  const delivery = deliveryOf([push('v1')], 'the-same')
  expect(await post(first.url, 'hub', delivery)).toBe(202)
  expect(await post(first.url, 'hub', delivery)).toBe(202)
  await until('it is copied', async () => (await first.user.executions()).some(({ status }) => status === 'succeeded'))
  expect(await post(first.url, 'hub', delivery)).toBe(202)
  await first.kill()
  const second = await startDaemon(yaml(source, destination), first.user)
  expect(await post(second.url, 'hub', delivery)).toBe(202)
  expect(await post(second.url, 'hub', deliveryOf([push('v1')], 'another'))).toBe(202)
  await until('the other one is acted on', async () => (await second.user.executions()).length === 2)
  expect(destination.summary()).toMatchObject({ 'PUT manifest 201': 1 })
})

test.each(['before it has settled', 'while it is copied'])('kill -9 %s loses nothing', async (when) => {
  const gate = held()
  const [source, destination] = [await registry(), await registry(gate)]
  source.add('app', image({ seed: 1 }), 'v1')
  gate.holding = when !== 'before it has settled'
  const text = yaml(source, destination, TRIGGER, gate.holding ? '200ms' : '1h')
  const first = await startDaemon(text)
  expect(await post(first.url, 'hub', deliveryOf([push('v1')]))).toBe(202)
  if (gate.holding)
    await until('the copy has begun', () => destination.requests.some(({ route }) => route === 'upload'))
  await first.kill()
  gate.holding = false
  await startDaemon(text.replace('1h', '200ms'), first.user)
  await until('it is copied', () => tagsOf(destination).includes('v1'))
})

test('what comes while the policy runs elsewhere is copied when that run has ended', async () => {
  const gate = held()
  const [source, destination] = [await registry(), await registry(gate)]
  source.add('app', image({ seed: 1 }), 'v1')
  const text = yaml(source, destination)
  const user = program()
  user.write('serve.yaml', text)
  const other = user.start(['run', 'serve.yaml'])
  await until('the other run copies', () => destination.requests.some(({ route }) => route === 'upload'))
  const { url } = await startDaemon(text, user)
  source.add('app', image({ seed: 2 }), 'v2')
  expect(await post(url, 'hub', deliveryOf([push('v2')]))).toBe(202)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  other.process.kill('SIGKILL')
  gate.holding = false
  await until('the event is acted on', () => tagsOf(destination).includes('v2'))
})

test('an artifact with several tags copies just those that pass, and a delete deletes only where it is asked', async () => {
  const [source, destination] = [await registry(), await registry()]
  const filters = `${TRIGGER}\n    filters: { tag: "v*" }`
  for (const tag of ['v1', 'v2', 'latest']) source.add('app', image({ seed: 1 }), tag)
  const first = await startDaemon(yaml(source, destination, filters))
  expect(await post(first.url, 'hub', deliveryOf(['v1', 'v2', 'latest'].map((tag) => push(tag))))).toBe(202)
  await until('they are copied', () => destination.repository('app').tags.size === 2)
  source.repository('app').tags.delete('v1')
  const gone = { action: 'delete' as const, repository: 'app', tag: 'v1' }
  expect(await post(first.url, 'hub', deliveryOf([gone]))).toBe(202)
  expect(await post(first.url, 'hub', deliveryOf([push('v2')]))).toBe(202)
  await until('the later one is acted on', async () => (await first.user.executions()).length === 2)
  expect(tagsOf(destination)).toEqual(['v1', 'v2'])
  await first.kill()
  const second = await startDaemon(yaml(source, destination, `${filters}\n    deletion: events`), first.user)
  expect(await post(second.url, 'hub', deliveryOf([gone]))).toBe(202)
  await until('it is deleted', () => tagsOf(destination).join() === 'v2')
})

test('a destination that is down gets it later, and the history says which events an execution is about', async () => {
  let down = true
  const source = await registry()
  const destination = await registry({ fault: () => (down ? { status: 503 } : undefined) })
  source.add('app', image({ seed: 1 }), 'v1')
  const text = `${yaml(source, destination).trimEnd().replace('settle: 200ms', 'settle: 200ms, health_interval: 1s')}\n`
  const { url, user } = await startDaemon(text)
  expect(await post(url, 'hub', deliveryOf([push('v1')]))).toBe(202)
  await until('it fails', async () => (await user.executions()).some(({ status }) => status === 'failed'), SLOWLY)
  down = false
  await until('it is copied', () => tagsOf(destination).includes('v1'), SLOWLY)
  await until('it has succeeded', async () => (await user.executions())[0]?.status === 'succeeded')
  const logs = await user.run(['executions', 'logs', 'last'])
  expect(logs.stdout).toContain('push hub/app:v1')
})
