/** Notifications across processes: who kills or stops a run, and who ends it, whoever that is. */

import { expect, onTestFinished, test } from 'vitest'
import { type Listener, listener } from '../support/listener.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { type Gate, gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, type Running, until } from './program.ts'

interface Scene {
  readonly here: Program
  readonly gate: Gate
  readonly hook: Listener
  readonly running: Running
}

/** A run that stands still in the middle of a blob, and somebody who wants to hear how it ends. */
async function halfWay(): Promise<Scene> {
  const gate = await gatedSource()
  const destination = await startMemoryRegistry()
  onTestFinished(async () => {
    gate.open()
    await gate.source.close()
    await destination.close()
  })
  const hook = await listener()
  const here = program({ HOOK: `${hook.url}/told` })
  const notify = `    notify: [{ on: [succeeded, failed, stopped], webhook: "\${HOOK}" }]`
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url, notify))
  const running = here.start(['run', 'policy.yaml'])
  await until('half of the blob is sent', () => destination.requests.some(({ bytesIn }) => bytesIn >= gate.half / 2))
  return { here, gate, hook, running }
}

const told = ({ heard }: Listener): readonly unknown[] =>
  heard.map(({ body }) => {
    const { id, type } = JSON.parse(body)
    return [id, type]
  })

test('the end of a run that was killed is told by the process that finishes it', async () => {
  const { here, gate, hook, running } = await halfWay()
  running.process.kill('SIGKILL')
  await running.ended
  expect(await here.executions()).toMatchObject([{ id: 1, status: 'interrupted' }])
  expect(told(hook)).toEqual([])
  gate.open()
  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({ code: 0 })
  expect(told(hook)).toEqual([['1.2', 'io.replicate.execution.succeeded']])
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect(told(hook)).toHaveLength(2)
})

test('Ctrl-C tells that it was stopped, and each end of an execution is an event of its own', async () => {
  const { here, gate, hook, running } = await halfWay()
  running.process.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 130 })
  expect(told(hook)).toEqual([['1', 'io.replicate.execution.stopped']])
  gate.open()
  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({ code: 0 })
  expect(told(hook)[1]).toEqual(['1.2', 'io.replicate.execution.succeeded'])
})
