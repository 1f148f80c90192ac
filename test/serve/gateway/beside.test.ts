/** A pull beside another run of the same policy: what both need is read once. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ServeNews } from '../../../src/app/app.ts'
import type { Descriptor, Digest } from '../../../src/core/descriptor.ts'
import { computeDigest } from '../../../src/core/manifest.ts'
import { Turns } from '../../../src/serve/turns.ts'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { randomBytes } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { asked, bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const SIZE = 3_000_000

/** An image whose source sends half of a layer until `open` is called, and a daemon that pulls it or runs its policy. */
async function halved() {
  const [source, destination] = [await registry(), await registry()]
  const base = randomBytes(SIZE, 'base')
  const digest = computeDigest(base)
  const app = image({ layers: 1, base: [base] })
  source.add('team/app', app, '1.0')
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  source.repository('team/app').blobs.set(digest as Digest, {
    size: SIZE,
    async *open(offset) {
      if (offset < SIZE / 2) yield base.subarray(offset, SIZE / 2)
      await opened
      yield base.subarray(Math.max(offset, SIZE / 2))
    },
  })
  const home = temporaryDirectory()
  const gateway = await startGateway(policies(source, destination), { home })
  const token = readFileSync(join(home, 'api-token'), 'utf8').trim()
  const isMoving = (trigger: string): boolean =>
    gateway.news.some(
      (one) =>
        one.type === 'execution_event' &&
        one.event.type === 'stage' &&
        one.event.stage === 'transfer' &&
        gateway.news.some(
          (other) =>
            other.type === 'execution_started' &&
            other.execution.id === one.execution &&
            other.execution.trigger === trigger,
        ),
    )
  return {
    app,
    destination,
    digest,
    gateway,
    open,
    reads: () => asked(source).filter(({ method, path }) => method === 'GET' && path.endsWith(digest)).length,
    async run() {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const body = JSON.stringify({ policy_id: 'pulls' })
      const answer = await fetch(`${gateway.url}/api/replication/executions`, { method: 'POST', headers, body })
      expect(answer.status).toBe(201)
      await until('the run transfers', () => isMoving('manual'))
    },
    async ended() {
      const statuses = await pulled(gateway)
      const manual = (): readonly number[] =>
        gateway.news.flatMap((one) =>
          one.type === 'execution_ended' && one.trigger === 'manual' ? [one.outcome.exitCode] : [],
        )
      await until('the run has ended', () => manual().length > 0)
      return [...statuses, ...manual()]
    },
  }
}

function isWaiting(news: ServeNews): boolean {
  if (news.type !== 'execution_event' || news.event.type !== 'waiting') return false
  return / is already on its way to mine$/.test(news.event.reason)
}

test('a run that comes while a client pulls waits for what the pull brings', async () => {
  const { app, destination, digest, gateway, open, reads, run, ended } = await halved()
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const blob = gateway.get(`team/app/blobs/${digest}`).then(bodyOf)
  await until('the pull reads the layer', () => reads() === 1)
  await run()
  await until('the other one says that it waits', () => gateway.news.some(isWaiting))
  open()
  expect(computeDigest(await blob)).toBe(digest)
  expect(await ended()).toEqual([0, 0])
  expect(reads()).toBe(1)
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('a client that pulls what a run brings just now gets it from the destination', async () => {
  const { app, destination, digest, gateway, open, reads, run, ended } = await halved()
  await run()
  await until('the run reads the layer', () => reads() === 1)
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const blob = gateway.get(`team/app/blobs/${digest}`).then(bodyOf)
  await until('the other one says that it waits', () => gateway.news.some(isWaiting))
  open()
  expect(computeDigest(await blob)).toBe(digest)
  expect(await ended()).toEqual([0, 0])
  expect(reads()).toBe(1)
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

const BLOB: Descriptor = { mediaType: 'application/octet-stream', digest: `sha256:${'a'.repeat(64)}`, size: 1 }

/** Someone who takes a turn once it can, and keeps it until `leave` is called. */
function taker(turns: Turns, pull?: Parameters<Turns['others']>[0]) {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const seen = { isIn: false }
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  const wanted = { blob: BLOB, registry: 'mine', repository: 'mirror/app', alone: false }
  const bring = async (): Promise<void> => {
    seen.isIn = true
    await left
  }
  const others = turns.others(pull)
  const take = async (): Promise<void> => {
    let known: string | undefined
    while (!(await others.bring(wanted, known, ctx, bring))) {
      await others.ended(wanted, ctx)
      known = await others.homeOf(wanted)
    }
  }
  void take()
  return { seen, leave }
}

test('a client waits ten seconds for a run that it hears nothing of, and a run five minutes', async () => {
  const clock = manualClock()
  const turns = new Turns(clock)
  const slow = taker(turns)
  const wanted = new AbortController()
  const client = taker(turns, { wanted: () => wanted.signal, want: () => {} })
  const other = taker(turns)
  expect([slow.seen, client.seen, other.seen]).toEqual([{ isIn: true }, { isIn: false }, { isIn: false }])
  wanted.abort()
  await clock.advance(9_999)
  expect(client.seen.isIn).toBe(false)
  await clock.advance(1)
  await until('the client has its turn', () => client.seen.isIn)
  expect(other.seen.isIn).toBe(false)
  await clock.advance(5 * 60_000)
  await until('the run has its turn', () => other.seen.isIn)
  for (const one of [slow, client, other]) one.leave()
})
