/** The daemon as a process of its own: how it starts and ends. */

import { expect, test } from 'vitest'
import { program, until } from '../e2e/program.ts'

test('listens where it says, answers its probes, and ends by SIGTERM with status 0', async () => {
  const user = program()
  user.write('serve.yaml', 'policies: {}\nserve: {listen: 127.0.0.1:0}\n')
  const daemon = user.start(['serve', 'serve.yaml'])
  const url = (): string | undefined => /listening on (\S+)/.exec(daemon.said())?.[1]
  await until('the daemon listens', () => url() !== undefined)
  const health = await fetch(`${url()}/healthz`)
  expect(health.status).toBe(200)
  const ready = await fetch(`${url()}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', reload_error: null }])
  daemon.process.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
})
