/** Bytes that wait for clients: given as they were written, from memory or disk, and never more than the limits. */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSpools } from '../../../src/serve/gateway/pull/spool.ts'
import { randomBytes } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const MIB = 1024 * 1024

test.each([
  ['memory for all', 64 * MIB],
  ['memory for some', 3 * MIB],
  ['no memory', 0],
])('with %s every byte is read back, while it is written and afterwards', async (_, memory) => {
  const bytes = randomBytes(20 * MIB + 17, 'spool')
  const spools = createSpools(join(temporaryDirectory(), 'spools'), { memory, disk: 32 * MIB })
  const spool = spools.open(bytes.byteLength)
  if (!spool) throw new Error('no room')
  const read = async (at: number, end: number): Promise<boolean> => {
    const parts: Uint8Array[] = []
    for (let from = at; from < end; ) {
      const part = await spool.read(from, Math.min(300_000, end - from))
      if (part.bytes.byteLength === 0) return false
      parts.push(Buffer.from(part.bytes))
      from += part.bytes.byteLength
      part.release(true)
    }
    return Buffer.concat(parts).equals(bytes.subarray(at, end))
  }
  for (let at = 0; at < bytes.byteLength; at += 700_000) {
    const end = Math.min(at + 700_000, bytes.byteLength)
    await spool.write(bytes.subarray(at, end))
    expect([end, await read(Math.max(0, end - 100), end), await read(0, Math.min(end, 500_000))]).toEqual([
      end,
      true,
      true,
    ])
  }
  expect(await read(0, bytes.byteLength)).toBe(true)
  await spool.close()
  await expect(spool.read(0, 1)).rejects.toThrow()
})

test('memory that is used again is not that of bytes which someone still reads', async () => {
  const bytes = randomBytes(8 * MIB, 'held')
  const spools = createSpools(join(temporaryDirectory(), 'spools'), { memory: 2 * MIB, disk: 32 * MIB })
  const spool = spools.open(bytes.byteLength)
  if (!spool) throw new Error('no room')
  await spool.write(bytes.subarray(0, MIB))
  const held = await spool.read(0, MIB)
  await spool.write(bytes.subarray(MIB))
  await spool.close()
  const next = spools.open(4 * MIB)
  await next?.write(randomBytes(4 * MIB, 'next'))
  expect(bytes.subarray(0, MIB).equals(held.bytes)).toBe(true)
  held.release(false)
  await next?.close()
})

test('what can be had elsewhere makes room for what cannot', async () => {
  const spools = createSpools(join(temporaryDirectory(), 'spools'), { memory: 8 * MIB, disk: 10 * MIB })
  const first = spools.open(6 * MIB)
  await first?.write(randomBytes(6 * MIB, 'first'))
  first?.settle()
  expect((await first?.read(0, 10))?.bytes.byteLength).toBe(10)
  expect(spools.open(6 * MIB)).toBeDefined()
  await expect(first?.read(0, 10)).rejects.toThrow()
})

test('what is kept is bounded in sum, and its room is given back', async () => {
  const spools = createSpools(join(temporaryDirectory(), 'spools'), { memory: MIB, disk: 10 * MIB })
  const first = spools.open(6 * MIB)
  expect(spools.open(6 * MIB)).toBeUndefined()
  await first?.close()
  await first?.close()
  const again = spools.open(6 * MIB)
  expect([again === undefined, spools.open(6 * MIB)]).toEqual([false, undefined])
})

test('what a killed process has left is removed, and nothing is left at the end', async () => {
  const directory = join(temporaryDirectory(), 'spools')
  mkdirSync(directory)
  writeFileSync(join(directory, 'left'), 'of another process')
  const spools = createSpools(directory, { memory: 0, disk: 10 * MIB })
  await spools.open(2 * MIB)?.write(randomBytes(MIB, 'one'))
  expect(readdirSync(directory)).not.toContain('left')
  await spools.close()
  expect(existsSync(directory)).toBe(false)
})
