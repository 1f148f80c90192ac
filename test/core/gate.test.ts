import { expect, test } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import { createGate } from '../../src/core/gate.ts'

const quiet = new AbortController().signal

test('an open gate lets everybody pass', async () => {
  const gate = createGate()
  expect(gate.closed).toBe(false)
  await gate.pass(quiet)
})

test('a closed gate holds until it is opened, and may be closed again', async () => {
  const gate = createGate()
  const passed: string[] = []
  gate.close()
  gate.close()
  const first = gate.pass(quiet).then(() => passed.push('first'))
  await Promise.resolve()
  expect([passed, gate.closed]).toEqual([[], true])
  gate.open()
  gate.open()
  await first
  gate.close()
  const second = gate.pass(quiet).then(() => passed.push('second'))
  expect(passed).toEqual(['first'])
  gate.open()
  await second
  expect(passed).toEqual(['first', 'second'])
})

test('who waits at a gate that is opened and closed at once goes on waiting', async () => {
  const gate = createGate()
  gate.close()
  let passed = false
  const waiting = gate.pass(quiet).then(() => {
    passed = true
  })
  gate.open()
  gate.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(passed).toBe(false)
  gate.open()
  await waiting
})

test('an abort lets nobody pass, and says why', async () => {
  const gate = createGate()
  gate.close()
  const controller = new AbortController()
  const waiting = gate.pass(controller.signal)
  controller.abort(new CancelledError('enough', 4))
  await expect(waiting).rejects.toThrow('enough')
  await expect(gate.pass(controller.signal)).rejects.toThrow('enough')
})
