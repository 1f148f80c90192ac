/** Blobs that other runs may bring, too. */

import { expect, test } from 'vitest'
import { systemClock } from '../../src/core/cancel.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Event } from '../../src/core/events.ts'
import { computeDigest } from '../../src/core/manifest.ts'
import type { Others } from '../../src/core/others.ts'
import { Turns } from '../../src/serve/turns.ts'
import { copyBlob } from '../../src/transfer/blob.ts'
import { createTransferState, type Job, type TransferState } from '../../src/transfer/job.ts'
import { Slots } from '../../src/transfer/slots.ts'
import { randomBytes } from '../support/random.ts'

const BYTES = randomBytes(300_000, 'a large blob')
const BLOB = { mediaType: 'application/octet-stream', digest: computeDigest(BYTES), size: BYTES.byteLength }
const SIGNAL = new AbortController().signal

/** A job that copies to a place which remembers what it was given. `slots` are those of large blobs. */
function job(others: Others, slots: TransferState['slots'], more: Partial<ContentStore> = {}) {
  const written = new Map<string, Buffer>()
  const moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
  const state = createTransferState({ slots, throttles: [], mayRetry: () => async () => false, others })
  async function* bytes() {
    yield BYTES
  }
  const source: Partial<ContentStore> = { readBlob: async () => bytes() }
  const destination: Partial<ContentStore> = {
    hasBlob: async ({ digest }) => written.has(digest),
    async writeBlob({ digest }, open) {
      const parts: Uint8Array[] = []
      for await (const part of await open(0)) parts.push(Uint8Array.from(part))
      written.set(digest, Buffer.concat(parts))
    },
    ...more,
  }
  const one = {
    member: {},
    state,
    source: { registry: 'from', repository: 'app', store: source },
    destination: { registry: 'to', repository: 'app', store: destination },
    newRepository: true,
    referrers: false,
    foreignLayers: false,
    leftOut: new Set(),
    moved,
    name: 'app',
    artifact: 'app',
  } as unknown as Job
  const events: Event[] = []
  return { one, written, moved, events, ctx: { signal: SIGNAL, emit: (event: Event) => void events.push(event) } }
}

function planned(events: readonly Event[]): number {
  return events.reduce((sum, event) => sum + (event.type === 'planned' ? event.bytes : 0), 0)
}

test('one that waits for a slot keeps no other run from bringing the blob', async () => {
  const slots = new Slots(1)
  const busy = Promise.withResolvers<void>()
  const before = slots.use('another', SIGNAL, () => busy.promise)
  let brings = 0
  const others: Others = {
    homeOf: async () => undefined,
    ended: async () => {},
    bring: async (_wanted, _known, ctx, work) => {
      brings += 1
      await work(ctx)
      return true
    },
  }
  const { one, written, ctx } = job(others, () => slots)
  const copied = copyBlob(BLOB, one, ctx)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(brings).toBe(0)
  busy.resolve()
  await Promise.all([before, copied])
  expect(brings).toBe(1)
  expect(written.get(BLOB.digest)?.equals(BYTES)).toBe(true)
})

test('one that comes second holds no slot while the first brings the blob, finds it there, and counts it as present', async () => {
  const slots = new Slots(1)
  const brought = Promise.withResolvers<void>()
  let waits = false
  const others: Others = {
    homeOf: async () => (written.has(BLOB.digest) ? 'app' : undefined),
    bring: async () => false,
    ended: () => {
      waits = true
      return brought.promise
    },
  }
  const { one, written, moved, events, ctx } = job(others, () => slots)
  const copied = copyBlob(BLOB, one, ctx)
  await expect.poll(() => waits).toBe(true)
  await slots.use('another', SIGNAL, async () => {})
  written.set(BLOB.digest, BYTES)
  brought.resolve()
  await copied
  expect(moved).toEqual({ bytes_copied: 0, bytes_mounted: 0, bytes_present: BLOB.size })
  expect(planned(events)).toBe(0)
  expect(events.filter(({ type }) => type === 'waiting')).toHaveLength(1)
})

test('one that comes second brings the blob itself where the first has failed', async () => {
  let turn = 0
  const others: Others = {
    homeOf: async () => undefined,
    ended: async () => {},
    bring: async (_wanted, _known, ctx, work) => {
      turn += 1
      if (turn < 3) return false
      await work(ctx)
      return true
    },
  }
  const { one, written, moved, events, ctx } = job(others, () => new Slots(1))
  await copyBlob(BLOB, one, ctx)
  expect(written.get(BLOB.digest)?.equals(BYTES)).toBe(true)
  expect(moved.bytes_copied).toBe(BLOB.size)
  expect(planned(events)).toBe(BLOB.size)
})

test('one that looked before another run brought the blob looks again, though no mount from its first home succeeds', async () => {
  const turns = new Turns(systemClock)
  const known = { blob: BLOB, registry: 'to', repository: 'gone', alone: false }
  const ctx = { signal: SIGNAL, emit: () => {} }
  await turns.others().bring(known, undefined, ctx, async () => {})
  const slots = new Slots(1)
  const busy = Promise.withResolvers<void>()
  const before = slots.use('another', SIGNAL, () => busy.promise)
  let looked = 0
  let writes = 0
  const store: Partial<ContentStore> = {
    hasBlob: async () => {
      looked += 1
      return writes > 0
    },
    mountBlob: async () => false,
    async writeBlob(_blob, open) {
      for await (const _ of await open(0));
      writes += 1
    },
  }
  const first = job(turns.others(), () => slots, store)
  const second = job(turns.others(), () => new Slots(1), store)
  const waiting = copyBlob(BLOB, first.one, first.ctx)
  await expect.poll(() => looked).toBe(1)
  await copyBlob(BLOB, second.one, second.ctx)
  busy.resolve()
  await Promise.all([before, waiting])
  expect(writes).toBe(1)
  expect(first.moved.bytes_present).toBe(BLOB.size)
  expect(planned(first.events)).toBe(0)
})

test('a damaged blob is sent again, and not mounted from where another task finds it', async () => {
  const mounts: string[] = []
  const writes: string[] = []
  const store: Partial<ContentStore> = {
    hasBlob: async () => true,
    async mountBlob(_blob, from) {
      mounts.push(from)
      return true
    },
    async writeBlob({ digest }, open) {
      for await (const _ of await open(0));
      writes.push(digest)
    },
  }
  const { one, ctx } = job(new Turns(systemClock).others(), () => new Slots(1), store)
  const moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
  const destination = { ...one.destination, repository: 'other' }
  const repair: Job = { ...one, member: {}, moved, destination, damaged: new Set([BLOB.digest]) }
  await copyBlob(BLOB, { ...one, newRepository: false }, ctx)
  await copyBlob(BLOB, repair, ctx)
  expect({ mounts, writes }).toEqual({ mounts: [], writes: [BLOB.digest] })
  expect(moved.bytes_copied).toBe(BLOB.size)
})
