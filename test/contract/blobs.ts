/** What every store does with blobs. */

import { describe, expect, it } from 'vitest'
import type { OpenBlob } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { IntegrityError, isNotFound, NetworkError } from '../../src/core/errors.ts'
import { image, named } from '../support/images.ts'
import { randomBytes } from '../support/random.ts'
import { ABSENT, context, openOf, readAll, rejection, write } from './content.ts'
import type { Suite } from './store.ts'

const MIB = 1024 * 1024

export function describeBlobs({ fresh, repositories, limitations }: Suite): void {
  describe('blobs', () => {
    it.each([
      ['of no bytes', 0],
      ['of one byte', 1],
      ['of 1 MiB', MIB],
    ])('%s are kept as they are', async (_what, size) => {
      const store = fresh()
      const bytes = randomBytes(size, `blob ${size}`)
      const blob = named(bytes)
      await store.writeBlob(blob, openOf(bytes), context)
      expect(await store.hasBlob(blob, context)).toBe(true)
      expect((await readAll(store.readBlob(blob, 0, context))).equals(bytes)).toBe(true)
    })

    it('are absent before they are written', async () => {
      const [store, empty] = repositories()
      await write(store, image(), '1.0')
      expect(await store.hasBlob(ABSENT, context)).toBe(false)
      expect(await empty.hasBlob(ABSENT, context)).toBe(false)
      expect(await rejection(readAll(store.readBlob(ABSENT, 0, context)))).toSatisfy(isNotFound)
    })

    it('are read from any offset', async () => {
      const store = fresh()
      const bytes = randomBytes(MIB, 'offset')
      const blob = named(bytes)
      await store.writeBlob(blob, openOf(bytes), context)
      for (const offset of [1, 65_536, 1_000_000, MIB - 1]) {
        expect((await readAll(store.readBlob(blob, offset, context))).equals(bytes.subarray(offset))).toBe(true)
      }
    })

    it('may be written twice', async () => {
      const store = fresh()
      const bytes = Buffer.from('again')
      for (let at = 0; at < 2; at += 1) await store.writeBlob(named(bytes), openOf(bytes), context)
      expect((await readAll(store.readBlob(named(bytes), 0, context))).equals(bytes)).toBe(true)
    })

    it('may be written by several at once', async () => {
      const store = fresh()
      const bytes = randomBytes(200_000, 'several')
      const writes = Array.from({ length: 4 }, () => store.writeBlob(named(bytes), openOf(bytes), context))
      await Promise.all(writes)
      expect((await readAll(store.readBlob(named(bytes), 0, context))).equals(bytes)).toBe(true)
    })

    it('whose stream says that they are wrong are not kept', async () => {
      const store = fresh()
      const blob = named(randomBytes(200_000, 'right'))
      const open: OpenBlob = async () =>
        (async function* () {
          yield randomBytes(100_000, 'wrong')
          throw new IntegrityError('the content is not its digest')
        })()
      expect(await rejection(store.writeBlob(blob, open, context))).toBeInstanceOf(IntegrityError)
      expect(await store.hasBlob(blob, context)).toBe(false)
    })

    it('that are not their digest are refused and not kept', async () => {
      const store = fresh()
      const blob = named(Buffer.from('right'))
      await rejection(store.writeBlob(blob, openOf(Buffer.from('wrong')), context))
      expect(await store.hasBlob(blob, context)).toBe(false)
    })

    it(`whose stream broke are ${limitations.reopens === false ? 'not kept' : 'opened again'}`, async () => {
      const store = fresh()
      const bytes = randomBytes(500_000, 'broken')
      let opened = 0
      const open: OpenBlob = async (offset) => {
        opened += 1
        if (opened > 1) return openOf(bytes)(offset)
        return (async function* () {
          yield bytes.subarray(offset, offset + 250_000)
          throw new NetworkError('connection reset')
        })()
      }
      if (limitations.reopens === false) {
        expect(await rejection(store.writeBlob(named(bytes), open, context))).toBeInstanceOf(NetworkError)
        expect(await store.hasBlob(named(bytes), context)).toBe(false)
        return
      }
      await store.writeBlob(named(bytes), open, context)
      expect(opened).toBeGreaterThan(1)
      expect((await readAll(store.readBlob(named(bytes), 0, context))).equals(bytes)).toBe(true)
    })

    it('are taken over from another repository', async () => {
      const [store, other, name] = repositories()
      if (!store.mountBlob) return
      const shared = image({ seed: 'mount' })
      await write(store, shared, '1.0')
      for (const [digest, bytes] of shared.blobs) {
        const mounted = limitations.mount !== false
        expect(await other.mountBlob?.({ ...named(bytes), digest }, name, context)).toBe(mounted)
        expect(await other.hasBlob(named(bytes), context)).toBe(mounted)
      }
    })

    it('that could not be taken over can still be written', async () => {
      const [store, other, name] = repositories()
      if (!store.mountBlob) return
      await write(store, image(), '1.0')
      const bytes = randomBytes(5000, `not mounted ${name}`)
      expect(await other.mountBlob?.(named(bytes), name, context)).toBe(false)
      await other.writeBlob(named(bytes), openOf(bytes), context)
      expect(await other.hasBlob(named(bytes), context)).toBe(true)
    })

    it('are not written once the copy is stopped', async () => {
      const store = fresh()
      await write(store, image(), '1.0')
      const stopped: Context = { signal: AbortSignal.abort(new Error('stop')), emit: () => {} }
      const bytes = Buffer.from('too late')
      await rejection(store.writeBlob(named(bytes), openOf(bytes), stopped))
      expect(await store.hasBlob(named(bytes), context)).toBe(false)
    })
  })
}
