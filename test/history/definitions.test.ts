/** Who made registries and policies, and when, by file and name. */

import { expect, test } from 'vitest'
import { openHistory } from '../../src/history/history.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const FILE = '/etc/replicate.yaml'

async function opened() {
  let now = Date.parse('2026-05-01T12:00:00Z')
  const history = await openHistory(temporaryDirectory(), { clock: { now: () => now } })
  const { definitions } = history
  return {
    ...definitions,
    policy: (name: string, file = FILE) => definitions.get({ kind: 'policy', file, name }),
    registry: (name: string) => definitions.get({ kind: 'registry', file: FILE, name }),
    wait: () => {
      now += 60_000
    },
    close: history.close,
  }
}

test('who created a policy stays, and when it was last changed moves on', async () => {
  const { note, policy, registry, wait, close } = await opened()
  expect(policy('a')).toBeUndefined()
  note(FILE, [{ kind: 'policy', name: 'a', what: 'created' }], 'ann')
  wait()
  note(FILE, [{ kind: 'policy', name: 'a', what: 'changed' }], 'bob')
  expect(policy('a')).toEqual({
    creator: 'ann',
    creation_time: '2026-05-01T12:00:00.000Z',
    update_time: '2026-05-01T12:01:00.000Z',
  })
  expect(registry('a')).toBeUndefined()
  expect(policy('a', '/other.yaml')).toBeUndefined()
  close()
})

test('one that is removed and created again is a new one', async () => {
  const { note, policy, wait, close } = await opened()
  note(FILE, [{ kind: 'policy', name: 'a', what: 'created' }], 'ann')
  note(FILE, [{ kind: 'policy', name: 'a', what: 'removed' }], 'ann')
  expect(policy('a')).toBeUndefined()
  wait()
  note(FILE, [{ kind: 'policy', name: 'a', what: 'created' }], 'bob')
  expect(policy('a')).toMatchObject({ creator: 'bob', creation_time: '2026-05-01T12:01:00.000Z' })
  close()
})

test('what was written by hand is there since it was first seen, and forgotten once its file no longer has it', async () => {
  const { note, seen, policy, registry, wait, close } = await opened()
  note(FILE, [{ kind: 'registry', name: 'hub', what: 'created' }], 'ann')
  note('/other.yaml', [{ kind: 'policy', name: 'b', what: 'created' }], 'ann')
  seen(FILE, { policies: ['a', 'b'], registries: ['hub'] })
  wait()
  seen(FILE, { policies: ['a', 'b'], registries: ['hub'] })
  const time = '2026-05-01T12:00:00.000Z'
  expect(policy('a')).toEqual({ creator: null, creation_time: time, update_time: time })
  expect(registry('hub')).toEqual({ creator: 'ann', creation_time: time, update_time: time })
  note(FILE, [{ kind: 'policy', name: 'a', what: 'changed' }], 'bob')
  expect(policy('a')).toEqual({ creator: null, creation_time: time, update_time: '2026-05-01T12:01:00.000Z' })
  seen(FILE, { policies: ['a'], registries: [] })
  expect([policy('b'), registry('hub')]).toEqual([undefined, undefined])
  expect(policy('b', '/other.yaml')).toMatchObject({ creator: 'ann' })
  close()
})
