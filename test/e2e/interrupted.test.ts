/** Runs that end before they are done: killed, interrupted, terminated; and two of them on one policy. */

import { chmodSync, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { type Gate, gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, type Running, until } from './program.ts'

let gate: Gate
let destination: MemoryRegistry

/** A run that stands still in the middle of a blob. */
async function halfWay(images = 1): Promise<{ readonly here: Program; readonly running: Running }> {
  gate = await gatedSource({ images })
  destination = await startMemoryRegistry()
  onTestFinished(async () => {
    gate.open()
    await gate.source.close()
    await destination.close()
  })
  const here = program()
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url))
  const running = here.start(['run', 'policy.yaml'])
  await until('half of the blob is sent', () => received() >= gate.half / 2)
  return { here, running }
}

const received = (): number => destination.requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0)
const arrived = (): string | undefined => destination.repository('mirror/app').tags.get('v1')

test('kill -9 in the middle of a blob leaves an interrupted execution, and the next run finishes the job', async () => {
  const { here, running } = await halfWay()
  expect(await here.executions()).toMatchObject([{ id: 1, status: 'in_progress', in_progress: 1 }])
  running.process.kill('SIGKILL')
  expect(await running.ended).toMatchObject({ signal: 'SIGKILL' })
  expect(await here.executions()).toMatchObject([{ id: 1, status: 'interrupted' }])
  expect(arrived()).toBeUndefined()
  gate.open()
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect(arrived()).toBe(gate.built.digest)
  expect(await here.executions()).toMatchObject([
    { id: 2, status: 'succeeded', succeed: 1 },
    { id: 1, status: 'interrupted' },
  ])
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s stops the tasks and ends with %i', async (signal, code) => {
  const { here, running } = await halfWay(3)
  const asked = performance.now()
  running.process.kill(signal)
  const ended = await running.ended
  expect(performance.now() - asked).toBeLessThan(20_000)
  expect(ended).toMatchObject({ code, signal: undefined })
  expect(ended.stderr).toContain(`interrupted by ${signal}`)
  expect(ended.stderr).not.toContain('bug:')
  const { tasks, ...execution } = await here.execution('last')
  expect(execution).toMatchObject({ status: 'stopped', in_progress: 0 })
  const statuses = tasks.map(({ status }) => status)
  expect(statuses).toContain('stopped')
  expect(statuses.filter((status) => status !== 'stopped' && status !== 'succeeded')).toEqual([])
  expect(arrived()).toBeUndefined()
  gate.open()
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect(arrived()).toBe(gate.built.digest)
})

test('a second signal ends it at once', async () => {
  const { here, running } = await halfWay()
  running.process.kill('SIGTERM')
  running.process.kill('SIGINT')
  const ended = await running.ended
  expect([130, 143]).toContain(ended.code)
  expect(await here.executions()).toMatchObject([{ status: expect.stringMatching(/^(interrupted|stopped)$/) }])
})

test('a credential helper that never answers does not keep it', async () => {
  const here = program()
  const started = join(here.directory, 'started')
  const helper = here.write('docker-credential-stuck', `#!/bin/sh\ntouch '${started}'\nexec sleep 30\n`)
  chmodSync(join(here.directory, helper), 0o755)
  here.write('config.json', '{"credsStore": "stuck"}')
  const env = { DOCKER_CONFIG: here.directory, PATH: `${here.directory}${delimiter}${process.env.PATH}` }
  const running = here.start(['copy', 'localhost:1/app:v1', 'oci:copy'], { env })
  await until('the helper runs', () => existsSync(started))
  const asked = performance.now()
  running.process.kill('SIGTERM')
  expect(await running.ended).toMatchObject({ code: 143 })
  expect(performance.now() - asked).toBeLessThan(20_000)
  expect(await here.executions()).toMatchObject([{ status: 'stopped' }])
})

test('`executions stop` ends it from another process, with status 4', async () => {
  const { here, running } = await halfWay()
  expect(await here.run(['executions', 'stop', 'last'])).toMatchObject({ code: 0 })
  const ended = await running.ended
  expect(ended).toMatchObject({ code: 4 })
  expect(await here.executions()).toMatchObject([{ status: 'stopped', in_progress: 0 }])
})

test('a second process on the same policy ends with 5 and names the first; with --wait it waits', async () => {
  const { here, running } = await halfWay()
  const second = await here.run(['run', 'policy.yaml'])
  expect(second).toMatchObject({ code: 5, stdout: '' })
  expect(second.stderr).toMatch(
    new RegExp(`policy copy is already running: execution 1, process ${running.process.pid} on \\S+\\n.*--wait`),
  )
  const json = await here.run(['run', 'policy.yaml', '--json'])
  expect(json.code).toBe(5)
  expect(JSON.parse(json.stdout.split('\n')[0] ?? '')).toMatchObject({ type: 'error', code: 'locked' })

  const waiting = here.start(['run', 'policy.yaml', '--wait'])
  await until('it says that it waits', () => waiting.said().includes('waiting:'))
  expect(waiting.said()).toContain(`execution 1, process ${running.process.pid}`)
  gate.open()
  expect(await running.ended).toMatchObject({ code: 0 })
  expect(await waiting.ended).toMatchObject({ code: 0 })
  expect(await here.executions()).toMatchObject([
    { id: 2, status: 'succeeded', unchanged: 1 },
    { id: 1, status: 'succeeded', succeed: 1 },
  ])
})
