import { expect, test } from 'vitest'
import { createGate } from '../../../../src/core/gate.ts'
import { pausable } from '../../../../src/oci/registry/upload/held-parts.ts'

const { signal } = new AbortController()
const part = Buffer.alloc(1_000_000, 7)

test('a part in memory is sent whole where nothing can pause it', () => {
  expect(pausable(part, { signal, emit: () => {} })).toBe(part)
})

test('a pause stops a part in memory once its last moment is over, and it continues there', async () => {
  const gate = createGate()
  const body = pausable(part, { signal, emit: () => {}, gate }, 0)
  if (body instanceof Uint8Array) throw new Error('it cannot be paused')
  const pieces = (await body.open())[Symbol.asyncIterator]()
  const sent: Uint8Array[] = []
  sent.push((await pieces.next()).value)
  gate.close()
  let more = false
  const next = pieces.next().then((step) => {
    more = true
    return step
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(more).toBe(false)
  gate.open()
  for (let step = await next; !step.done; step = await pieces.next()) sent.push(step.value)
  expect(Buffer.concat(sent)).toEqual(part)
})

test('a part that is nearly sent when the pause begins arrives', async () => {
  const gate = createGate()
  const body = pausable(part, { signal, emit: () => {}, gate }, 60_000)
  if (body instanceof Uint8Array) throw new Error('it cannot be paused')
  gate.close()
  let size = 0
  for await (const piece of await body.open()) size += piece.byteLength
  expect(size).toBe(part.byteLength)
})
