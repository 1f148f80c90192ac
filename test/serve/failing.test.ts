/** What must not happen in a part of the daemon ends it, with an error that says where. */

import { expect, test } from 'vitest'
import type { Daemon } from '../../src/serve/parts.ts'
import { startSchedules } from '../../src/serve/schedule/schedule.ts'
import { manualClock } from '../support/manual-clock.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { serveInTime } from './in-time.ts'

const POLICY = `registries: {a: {type: docker-registry, url: 'http://127.0.0.1:1'}}
policies:
  copy: {source: {registry: a}, destination: {registry: a, namespace: m}, triggers: [{schedule: "* * * * *"}]}
serve: {listen: 127.0.0.1:0}
`

test('work of a part that fails ends the others in order, and the error names it', async () => {
  const { promise, reject } = Promise.withResolvers<never>()
  const ended: string[] = []
  const parts = ['first', 'second'].map((name) => (daemon: Daemon) => {
    if (name === 'first') void daemon.keep('counting sheep', promise)
    return {
      async ended() {
        expect(daemon.signal.aborted).toBe(true)
        ended.push(name)
      },
    }
  })
  const daemon = await serveInTime(POLICY, { directory: temporaryDirectory(), clock: manualClock(), parts })
  const cause = new Error('one is missing')
  reject(cause)
  await expect(daemon.done).rejects.toThrow('counting sheep failed: one is missing')
  await expect(daemon.done).rejects.toMatchObject({ cause })
  expect(ended).toEqual(['first', 'second'])
  await expect(fetch(daemon.url)).rejects.toThrow()
})

test('an execution that breaks the program names its policy', async () => {
  const clock = manualClock()
  const daemon = await serveInTime(POLICY, {
    directory: temporaryDirectory(),
    clock,
    parts: [startSchedules],
    program: { run: () => Promise.reject(new Error('a bug')) },
  })
  const failed = expect(daemon.done).rejects.toThrow('an execution of policy copy failed: a bug')
  await clock.advance(60_000)
  await failed
})
