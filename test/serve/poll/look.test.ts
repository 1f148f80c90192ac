/** What a look at a source makes of the difference from the last one, and of a source that is not itself. */

import { expect, onTestFinished, test } from 'vitest'
import type { RegistryEvent, TagInfo } from '../../../src/core/adapter.ts'
import { createOutsideRunners } from '../../../src/engine/run/outside.ts'
import { openHistory } from '../../../src/history/history.ts'
import { type Looked, lookAt } from '../../../src/serve/poll/look.ts'
import { Turns } from '../../../src/serve/turns.ts'
import { load } from '../../config/setup.ts'
import { endpoint, memoryRegistry, type PolicyFields, policyOf } from '../../engine/setup.ts'
import { image } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import type { LoggedRequest, MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { NO_DESK } from '../daemon-double.ts'
import { noLooks } from '../no-looks.ts'

const HOUR = 3_600_000
const unused = (): never => {
  throw new Error('not part of this test')
}

interface Looking {
  readonly source: MemoryRegistry
  readonly clock: ReturnType<typeof manualClock>
  /** `push app:1`, sorted. */
  look(fields?: PolicyFields): Promise<readonly string[]>
  looked(fields?: PolicyFields): Promise<Looked>
  /** Until it is called again with nothing. */
  failToKeep(error?: Error): void
}

async function looking(
  fields: PolicyFields = {},
  options: MemoryRegistryOptions = {},
  tags?: (repository: string) => readonly TagInfo[],
): Promise<Looking> {
  const source = await memoryRegistry(options)
  const clock = manualClock()
  const history = await openHistory(temporaryDirectory(), { clock })
  onTestFinished(() => history.close())
  const registries = `registries:\n  from: { type: docker-registry, url: "${source.url}" }\n  to: { type: docker-registry, url: "http://127.0.0.1:1" }\n`
  const configuration = load(registries)
  const from = endpoint('from', source, {}, tags)
  const taken: RegistryEvent[] = []
  let failure: Error | undefined
  const change: typeof history.polls.change = (...given) => {
    if (failure) throw failure
    history.polls.change(...given)
  }
  const looked: Looking['looked'] = (more = {}) =>
    lookAt(
      policyOf({ ...fields, ...more }),
      configuration,
      {
        program: {
          history: { ...history, polls: { ...history.polls, change } },
          clock,
          outside: {},
          turns: new Turns(clock),
          runners: createOutsideRunners(clock),
          redact: unused,
          desk: NO_DESK,
          files: [],
          open: unused,
          openAnew: async () => from,
          read: unused,
          run: unused,
          again: unused,
          typeOf: unused,
          looks: noLooks,
          workers: async () => undefined,
        },
        events: {
          take(_registry, events) {
            taken.push(...events)
            return events.length
          },
          listen: () => () => {},
        },
      },
      { signal: new AbortController().signal, emit: () => {} },
    )
  return {
    source,
    clock,
    looked,
    async look(more) {
      await looked(more)
      return taken
        .splice(0)
        .map(
          ({ action, repository, tag, digest }) =>
            `${action} ${repository}${tag === undefined ? `@${digest}` : `:${tag}`}`,
        )
        .sort()
    },
    failToKeep(error) {
      failure = error
    },
  }
}

const made = (seed: string) => image({ seed })

test('the first look is the snapshot, and owes a run of everything', async () => {
  const { source, look, looked } = await looking()
  source.add('app', made('1'), '1')
  expect(await looked()).toMatchObject({ events: 0, isOwed: true, isEmpty: false })
  expect(await look()).toEqual([])
})

test('what is new, moved or gone becomes events, once', async () => {
  const { source, look } = await looking({ deletion: 'events' })
  for (const tag of ['1', '2', '3']) source.add('app', made(tag), tag)
  source.add('other/app', made('x'), 'x')
  await look()
  source.add('app', made('2b'), '2')
  source.add('app', made('4'), '4')
  source.add('new/app', made('5'), '5')
  source.repository('app').tags.delete('3')
  expect(await look()).toEqual(['delete app:3', 'push app:2', 'push app:4', 'push new/app:5'])
  expect(await look()).toEqual([])
})

test('nothing becomes a deletion where the policy deletes nothing', async () => {
  const { source, look } = await looking({ deletion: 'never' })
  for (const tag of ['1', '2']) source.add('app', made(tag), tag)
  await look()
  source.repository('app').tags.delete('2')
  expect(await look()).toEqual([])
  source.add('app', made('2'), '2')
  expect(await look()).toEqual(['push app:2'])
})

test('asks only by HEAD, and not at all for digests that the list has', async () => {
  const plain = await looking()
  plain.source.add('app', made('1'), '1')
  await plain.look()
  const before = plain.source.requests.length
  await plain.look()
  const asked = plain.source.requests.slice(before).map(({ method, route }) => `${method} ${route}`)
  expect(asked.sort()).toEqual(['GET catalog', 'GET tags', 'HEAD manifest'])
  const listed = await looking({}, {}, () => [{ tag: '1', digest: made('1').digest }])
  listed.source.add('app', made('1'), '1')
  await listed.look()
  await listed.look()
  expect(Object.keys(listed.source.summary()).filter((key) => key.includes('manifest'))).toEqual([])
})

/** A registry whose faults begin when they are told. */
async function faulty(
  fault: (request: LoggedRequest) => boolean,
  reply: { readonly status: number; readonly body?: string },
  fields: PolicyFields = { deletion: 'mirror' },
) {
  let isOn = false
  const headers = { 'content-type': 'application/json' }
  const found = await looking(fields, {
    fault: (request) => (isOn && fault(request) ? { ...reply, headers } : undefined),
  })
  for (const tag of ['1', '2']) found.source.add('app', made(tag), tag)
  found.source.add('other/app', made('x'), 'x')
  await found.look()
  return {
    ...found,
    on(is = true) {
      isOn = is
    },
  }
}

test.each([
  { what: 'fails', status: 500, body: '' },
  { what: 'is refused', status: 403, body: '' },
  { what: 'is no list', status: 200, body: '<html>' },
])(
  'a list of tags that $what changes nothing of its repository',
  async ({ status, body }) => {
    const { source, look, looked, on } = await faulty(({ path }) => path.startsWith('/v2/app/tags/list'), {
      status,
      body,
    })
    on()
    source.add('other/app', made('y'), 'y')
    source.add('app', made('3'), '3')
    expect(await look()).toEqual(['push other/app:y'])
    expect(await looked()).toMatchObject({ unlisted: 1 })
    on(false)
    expect(await look()).toEqual(['push app:3'])
  },
  60_000,
)

test.each(['{"name":"app","tags":[]}', '{"name":"app","tags":null}'])(
  'a list of tags that comes back empty changes nothing: %s',
  async (body) => {
    const { look, on } = await faulty(({ path }) => path.startsWith('/v2/app/tags/list'), { status: 200, body })
    on()
    expect(await look()).toEqual([])
    on(false)
    expect(await look()).toEqual([])
  },
)

test('a catalogue that comes back empty changes nothing', async () => {
  const { look, on } = await faulty(({ route }) => route === 'catalog', { status: 200, body: '{"repositories":[]}' })
  on()
  expect(await look()).toEqual([])
  on(false)
  expect(await look()).toEqual([])
})

test('a repository that the catalogue lacks is there as long as it lists its tags', async () => {
  const { source, look, on } = await faulty(({ route }) => route === 'catalog', {
    status: 200,
    body: '{"repositories":["other/app"]}',
  })
  on()
  source.add('app', made('3'), '3')
  expect(await look()).toEqual(['push app:3'])
  source.repositories.delete('app')
  expect(await look()).toEqual(['delete app:1', 'delete app:2', 'delete app:3'])
  expect(await look()).toEqual([])
})

test('a tag that the list lacks is there as long as the registry has it', async () => {
  const { source, look, on } = await faulty(({ path }) => path.startsWith('/v2/app/tags/list'), {
    status: 200,
    body: '{"name":"app","tags":["1"]}',
  })
  on()
  expect(await look()).toEqual([])
  source.repository('app').tags.delete('2')
  expect(await look()).toEqual(['delete app:2'])
})

test('a tag whose digest cannot be had stays as it was, and the others do not wait for it', async () => {
  const { source, look, on } = await faulty(({ path }) => path.endsWith('/app/manifests/1'), { status: 403 })
  on()
  source.add('app', made('1b'), '1')
  source.add('app', made('2b'), '2')
  expect(await look()).toEqual(['push app:2'])
  on(false)
  expect(await look()).toEqual(['push app:1'])
}, 60_000)

test('a source that is down is an error, and changes nothing', async () => {
  const { look, looked, on } = await faulty(() => true, { status: 404, body: '{}' })
  on()
  await expect(looked()).rejects.toThrow()
  on(false)
  expect(await look()).toEqual([])
}, 60_000)

test('named tags are asked for one by one', async () => {
  const { source, look } = await looking({ deletion: 'events', filters: { name: ['app'], tag: ['1', '2'] } })
  source.add('app', made('1'), '1')
  await look()
  source.add('app', made('2'), '2')
  expect(await look()).toEqual(['push app:2'])
  source.repository('app').tags.delete('1')
  expect(await look()).toEqual(['delete app:1'])
  expect(Object.keys(source.summary()).filter((key) => /tags|catalog/.test(key))).toEqual([])
})

test('a tag that the filters leave out from now on is no deletion', async () => {
  const labels = new Map([
    ['1', 'prod'],
    ['2', 'prod'],
  ])
  const { source, look } = await looking({ deletion: 'events', filters: { exclude: { label: ['old'] } } }, {}, () =>
    [...labels].map(([tag, label]) => ({ tag, digest: made(tag).digest, labels: [label] })),
  )
  for (const tag of ['1', '2']) source.add('app', made(tag), tag)
  await look()
  labels.set('1', 'old')
  expect(await look()).toEqual([])
  labels.set('1', 'prod')
  expect(await look()).toEqual(['push app:1'])
})

test('newest counts anew, and reads nothing as long as nothing has changed', async () => {
  const { source, look } = await looking({ deletion: 'events', filters: { newest: 2 } })
  for (const tag of ['1.0', '1.1', '1.2']) source.add('app', made(tag), tag)
  await look()
  source.add('app', made('1.3'), '1.3')
  expect(await look()).toEqual(['push app:1.3'])
  // Not among the newest.
  source.add('app', made('0.9'), '0.9')
  expect(await look()).toEqual([])
  source.repository('app').tags.delete('1.3')
  expect(await look()).toEqual(['delete app:1.3', 'push app:1.1', 'push app:1.2'])
  const before = source.requests.length
  await look()
  expect(source.requests.slice(before).some(({ method, route }) => method === 'GET' && route === 'manifest')).toBe(
    false,
  )
})

test('what min_age holds back comes when it is old enough', async () => {
  const { source, clock, look } = await looking({ filters: { min_age: 2 * HOUR } })
  source.add('app', made('1'), '1')
  expect(await look()).toEqual([])
  await clock.advance(HOUR)
  expect(await look()).toEqual([])
  await clock.advance(HOUR)
  expect(await look()).toEqual(['push app:1'])
  expect(await look()).toEqual([])
})

test('artifacts without a tag are told by digest', async () => {
  const first = made('1')
  const infos: TagInfo[] = [{ tag: '1', digest: first.digest }]
  const { source, look } = await looking({ deletion: 'events', filters: { untagged: true } }, {}, () => infos)
  source.add('app', first, '1')
  await look()
  const second = made('2')
  source.add('app', second)
  infos.push({ digest: second.digest })
  expect(await look()).toEqual([`push app@${second.digest}`])
  infos.pop()
  source.repository('app').manifests.delete(second.digest)
  expect(await look()).toEqual([`delete app@${second.digest}`])
})

test('only artifacts of the wanted type are news', async () => {
  const { source, look } = await looking({ filters: { resource: 'chart' } })
  source.add('app', made('1'), '1')
  await look()
  source.add('app', made('2'), '2')
  expect(await look()).toEqual([])
})

test('another selection begins anew', async () => {
  const { source, look, looked } = await looking()
  source.add('app', made('1'), '1')
  await look()
  const other = { filters: { tag: ['1*'] } }
  expect(await looked(other)).toMatchObject({ events: 0, isOwed: true })
  source.add('app', made('12'), '12')
  expect(await look(other)).toEqual(['push app:12'])
})

test('a crash between an event and the snapshot tells it twice, and loses nothing', async () => {
  const { source, look, looked, failToKeep } = await looking()
  source.add('app', made('1'), '1')
  await look()
  source.add('app', made('2'), '2')
  failToKeep(new Error('killed'))
  await expect(looked()).rejects.toThrow('killed')
  failToKeep()
  expect(await look()).toEqual(['push app:2', 'push app:2'])
})
