/** What clients and sources can make the gateway keep or hold: bounded, and shared fairly. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { createAbsences } from '../../../src/serve/gateway/absences.ts'
import { createBlobs } from '../../../src/serve/gateway/blobs.ts'
import type { Place } from '../../../src/serve/gateway/policy/targets.ts'
import { Room } from '../../../src/serve/gateway/pull/room.ts'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { bodyOf, policies, registry, startGateway } from './gateway.ts'

/** Bytes in use after everything that can be collected was. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const hex = (at: number): string => at.toString(16).padStart(64, '0')

test('of 50,000 blobs with long annotations only what is needed to find them is kept', () => {
  const absent = createAbsences<undefined>(manualClock(), () => true)
  const blobs = createBlobs(absent)
  // Only what names the place is looked at.
  const place = { destination: { registry: { name: 'mine' } }, mapped: 'mirror/app', repository: 'team/app' } as Place
  const before = heap()
  for (let at = 0; at < 50_000; at += 1) {
    const blob = {
      mediaType: `application/${String(at).repeat(500)}`,
      digest: `sha256:${hex(at)}`,
      size: at,
      annotations: { long: String(at).repeat(1000) },
      urls: [String(at).repeat(1000)],
    } as const
    blobs.remember(place, blob)
  }
  // Of 400 MB that were named.
  expect(heap() - before).toBeLessThan(100_000_000)
  expect(blobs.named(place, `sha256:${hex(7)}`)?.blob).toEqual({
    mediaType: 'application/octet-stream',
    digest: `sha256:${hex(7)}`,
    size: 7,
  })
})

test('room is given to so many bytes in sum', () => {
  const room = new Room(10)
  expect([room.take(5), room.isScarce, room.take(1), room.isScarce, room.take(5)]).toEqual([
    true,
    false,
    true,
    true,
    false,
  ])
  room.give(6)
  expect([room.isScarce, room.take(10), room.take(1)]).toEqual([false, true, false])
})

const USERS = `  pull_users:
    - {name: greedy, password: "\${GREEDY}"}
    - {name: modest, password: "\${MODEST}"}
`
const env = { GREEDY: 'the first password', MODEST: 'the second password' }

function basic(user: string, password: string): RequestInit {
  return { headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } }
}

test('a user who pulls very much leaves room for others', async () => {
  const [source, destination] = [await registry(), await registry()]
  const tags = Array.from({ length: 140 }, (_, at) => `1.${at}`)
  source.add('team/app', image(), ...tags)
  // The rest of each artifact waits for the clock, so all of them stay under way.
  const timing = { clock: manualClock() }
  const gateway = await startGateway(policies(source, destination), { timing, serve: USERS, env })
  const pull = async (tag: string, user: RequestInit): Promise<number> => {
    const answer = await gateway.get(`team/app/manifests/${tag}`, user)
    await bodyOf(answer)
    return answer.status
  }
  const statuses: number[] = []
  for (const tag of tags) statuses.push(await pull(tag, basic('greedy', env.GREEDY)))
  expect([statuses.indexOf(429), statuses.lastIndexOf(200)]).toEqual([128, 127])
  source.add('team/other', image({ seed: 2 }), '1.0')
  const other = await gateway.get('team/other/manifests/1.0', basic('modest', env.MODEST))
  expect(other.status).toBe(200)
  // It does not wait for the runs of the other user.
  const [config] = image({ seed: 2 }).blobs.keys()
  expect((await gateway.get(`team/other/blobs/${config}`, basic('modest', env.MODEST))).status).toBe(200)
})

test('a client that goes away while it waits for a run takes no place among those who wait', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  source.add('team/app', app, '1.0')
  const timing = { clock: manualClock() }
  const gateway = await startGateway(policies(source, destination), { timing })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const leaving = new AbortController()
  const { signal } = leaving
  // They wait for the rest of the artifact, which waits for the clock.
  const waiting = Array.from({ length: 520 }, () => gateway.get(`team/app/referrers/${app.digest}`, { signal }))
  const gone = Promise.allSettled(waiting)
  const status = async (): Promise<number> => (await gateway.get('team/app/manifests/1.0')).status
  await until('no more are taken', async () => (await status()) === 429)
  leaving.abort()
  await gone
  await until('another client is answered', async () => (await status()) === 200)
})
