/** How the daemon ends, and what its next start does with what it has left. */

import { expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { type Daemon, type Serving, serving } from './serving.ts'

const EVERY_SECOND = '    triggers: [{schedule: "* * * * * *"}]\n'
const TAGS = 60

/** A daemon whose one execution cannot read any blob before the test lets it. */
async function heldDaemon(
  args: readonly string[] = [],
): Promise<Serving & { readonly daemon: Daemon; release(): void }> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let held = 0
  const scene = await serving({
    intercept: async ({ method, url }) => {
      if (method !== 'GET' || !url.pathname.includes('/blobs/')) return undefined
      held += 1
      await released
      return undefined
    },
  })
  for (let tag = 0; tag < TAGS; tag += 1) scene.source.add('app', image({ seed: 100 + tag }), `t${tag}`)
  scene.user.write('serve.yaml', scene.yaml(EVERY_SECOND))
  const daemon = await scene.start(['serve.yaml', ...args])
  await until('blobs are held', () => held > 0)
  // Nothing starts by itself any more.
  scene.user.write('serve.yaml', scene.yaml())
  await daemon.says('configuration reloaded')
  return { ...scene, daemon, release }
}

test('SIGTERM takes nothing new, lets running tasks end, and leaves the others to the next start', async () => {
  const { daemon, release, user, start } = await heldDaemon(['--drain', '10m'])
  daemon.kill('SIGTERM')
  await daemon.says(/ending: 1 execution may end what runs within 10 min/)
  expect((await daemon.readyz()).status).toBe(503)
  release()
  expect(await daemon.ended).toMatchObject({ code: 0, signal: undefined })
  const left = await user.execution('1')
  expect(left.status).toBe('stopped')
  expect(left.succeed).toBeGreaterThan(0)
  expect(left.stopped).toBeGreaterThan(0)
  expect(left.failed).toBe(0)

  const next = await start()
  await next.says('resuming 1 execution')
  await next.says(/execution 1 {2}copy {2}succeeded/)
  expect(await user.execution('1')).toMatchObject({ status: 'succeeded', succeed: TAGS + 1 })
  next.kill('SIGTERM')
  expect(await next.ended).toMatchObject({ code: 0 })
  const last = await start()
  last.kill('SIGTERM')
  expect((await last.ended).stderr).not.toContain('resuming')
})

test('after the time for draining what runs is stopped, and the next start resumes it', async () => {
  const { daemon, release, start } = await heldDaemon(['--drain', '1s'])
  daemon.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
  release()
  await (await start()).says(/execution 1 {2}copy {2}succeeded/)
})

test('a second signal ends it at once, and the next start resumes what ran', async () => {
  const { daemon, release, user, start } = await heldDaemon(['--drain', '10m'])
  daemon.kill('SIGTERM')
  await daemon.says('ending: 1 execution')
  daemon.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 143 })
  expect((await user.execution('1')).status).toBe('interrupted')
  release()
  await (await start()).says(/execution 1 {2}copy {2}succeeded/)
})

test('after kill -9 the next start resumes what ran', async () => {
  const { daemon, release, start } = await heldDaemon()
  daemon.kill('SIGKILL')
  await daemon.ended
  release()
  const next = await start()
  await next.says('resuming 1 execution')
  await next.says(/execution 1 {2}copy {2}succeeded/)
})

test('what a user has stopped is not resumed', async () => {
  const { daemon, user, start } = await heldDaemon()
  expect(await user.run(['executions', 'stop', '1'])).toMatchObject({ code: 0 })
  await daemon.says(/execution 1 {2}copy {2}stopped/)
  daemon.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
  const next = await start()
  next.kill('SIGTERM')
  expect((await next.ended).stderr).not.toContain('resuming')
  expect(await user.executions()).toHaveLength(1)
})
