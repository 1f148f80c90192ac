/** How the daemon ends, and what its next start does with what it has left. */

import { expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { listener } from '../support/listener.ts'
import { type Daemon, type Serving, serving } from './serving.ts'

const EVERY_SECOND = '    triggers: [{schedule: "* * * * * *"}]\n'
const TAGS = 60

/** A daemon whose one execution cannot read any blob before the test lets it; `more` are further lines of its policy. */
async function heldDaemon(
  args: readonly string[] = [],
  more = '',
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
  scene.user.write('serve.yaml', scene.yaml(`${EVERY_SECOND}${more}`))
  const daemon = await scene.start(['serve.yaml', ...args])
  await until('blobs are held', () => held > 0)
  // Nothing starts by itself any more.
  scene.user.write('serve.yaml', scene.yaml(more))
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

test.each(['after the time for draining', 'at once where there is none'])(
  '%s what runs is stopped, and the next start resumes it',
  async (when) => {
    const { daemon, release, start } = await heldDaemon(['--drain', when.startsWith('after') ? '1s' : '0s'])
    daemon.kill('SIGTERM')
    expect(await daemon.ended).toMatchObject({ code: 0 })
    release()
    await (await start()).says(/execution 1 {2}copy {2}succeeded/)
  },
)

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

test('what the next start resumes is notified once, at its end, and what a user has stopped as stopped', async () => {
  const hook = await listener()
  const notify = `    notify: [{on: [stopped, failed, succeeded], webhook: '${hook.url}'}]\n`
  const told = (): readonly string[] => hook.heard.map(({ body }) => JSON.parse(body).type)
  const { daemon, release, user, start } = await heldDaemon(['--drain', '1s'], notify)
  daemon.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
  expect((await user.execution('1')).status).toBe('stopped')
  expect(told()).toEqual([])
  release()
  await (await start()).says(/execution 1 {2}copy {2}succeeded/)
  expect(told()).toEqual(['io.replicate.execution.succeeded'])

  const other = await heldDaemon([], notify)
  expect(await other.user.run(['executions', 'stop', '1'])).toMatchObject({ code: 0 })
  await other.daemon.says(/execution 1 {2}copy {2}stopped/)
  expect(told()).toEqual(['io.replicate.execution.succeeded', 'io.replicate.execution.stopped'])
})

test('what is resumed while the files are broken runs with the configuration in force', async () => {
  let { promise: released, resolve: release } = Promise.withResolvers<void>()
  let held = 0
  const { source, user, yaml, start } = await serving({
    intercept: async ({ method, url }) => {
      if (method !== 'GET' || !url.pathname.includes('/blobs/')) return undefined
      held += 1
      await released
      return undefined
    },
  })
  source.add('other', image({ seed: 2 }), 'v1')
  const policies = (triggers: string): string =>
    `    filters: {name: app}\n${triggers}  second:
    source: {registry: from}
    destination: {registry: to, namespace: second}
    filters: {name: other}\n${triggers}`
  user.write('serve.yaml', yaml(policies(EVERY_SECOND)))
  const first = await start(['serve.yaml', '--drain', '1s'])
  await first.says(/execution 1 .*started/)
  await first.says(/execution 2 .*started/)
  await until('blobs of both are held', () => held >= 2)
  user.write('serve.yaml', yaml(policies(''), '  max_executions: 1\n'))
  await first.says('configuration reloaded')
  first.kill('SIGTERM')
  expect(await first.ended).toMatchObject({ code: 0 })
  release()
  ;({ promise: released, resolve: release } = Promise.withResolvers<void>())
  const next = await start()
  await next.says('resuming 2 executions')
  await next.says(/execution 1 .*started/)
  user.write('serve.yaml', 'broken: {}\n')
  await next.says('the configuration could not be reloaded')
  release()
  await next.says(/execution 2 {2}\w+ {2}succeeded/)
})
