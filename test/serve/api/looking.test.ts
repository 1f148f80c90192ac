/** What the page chooses from and looks at: adapters, namespaces, schedules, days, the version. */

import { expect, test } from 'vitest'
import metadata from '../../../package.json' with { type: 'json' }
import { startApi } from '../../../src/serve/api/api.ts'
import { image } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'
import { type Ask, apiClient } from './client.ts'
import { served } from './served.ts'

const TOKEN = 'token-of-the-admin-of-this-test'

async function doubled(yaml: string, now: string): Promise<{ readonly ask: Ask; readonly daemon: DaemonDouble }> {
  const serve = `\nserve: {tokens: [{name: ann, token: "\${TOKEN}", role: admin}]}\n`
  const daemon = await daemonDouble(`${yaml}${serve}`, {}, { TOKEN }, manualClock(Date.parse(now)))
  await startApi(daemon)
  const url = await daemon.http.listen({ host: '127.0.0.1', port: 0 })
  return { ask: apiClient(url, TOKEN), daemon }
}

test('adapters are those of `adapters list --json`', async () => {
  const { ask, user } = await served()
  const printed = JSON.parse((await user.run(['adapters', 'list', '--json'])).stdout)
  expect((await ask('GET', '/replication/adapters')).body).toEqual(printed)
  const hub = await ask('GET', '/replication/adapters/docker-hub')
  expect(hub.body).toMatchObject({
    identity: 'docker-hub',
    registry: { default_name: 'hub', place: 'url', url: 'https://registry-1.docker.io', read_only: false },
    capabilities: { credentials: ['anonymous', 'basic', 'token'] },
  })
  expect((await ask('GET', '/replication/adapters/oci-layout')).body.registry).toMatchObject({ place: 'path' })
  expect(await ask('GET', '/replication/adapters/docker-hubb')).toMatchObject({
    status: 404,
    body: { hint: 'did you mean `docker-hub`?' },
  })
})

test('the namespaces of a registry are listed where it can, up to a number', async () => {
  const { ask, source } = await served()
  source.add('team/app', image({ seed: 2 }), 'v1')
  source.add('other/app', image({ seed: 3 }), 'v1')
  const { status, body } = await ask('GET', '/registries/from/namespaces')
  expect(status).toBe(200)
  expect(body.namespaces).toEqual(expect.arrayContaining(['team', 'other']))
  expect(body.cut).toBeNull()
  const first = await ask('GET', '/registries/from/namespaces?limit=1')
  expect(first.body).toMatchObject({ namespaces: [expect.any(String)], cut: 'the first 1 are listed' })
  expect((await ask('GET', '/registries/nothing/namespaces')).status).toBe(404)
})

test('schedules have the times of `schedule next`, and say which come more often than is shown', async () => {
  const policy = (schedule: string): string =>
    `{source: 'docker.io/library/alpine', destination: 'oci:/nowhere', triggers: [{schedule: '${schedule}', timezone: UTC}]}`
  const yaml = `policies:\n  daily: ${policy('0 2 * * *')}\n  often: ${policy('* * * * * *')}\n  never: {source: 'docker.io/library/alpine', destination: 'oci:/nowhere'}`
  const { ask } = await doubled(yaml, '2026-11-30T12:00:00Z')
  const { body } = await ask('GET', '/schedule?days=2')
  expect(body).toMatchObject({ from: '2026-11-30T12:00:00.000Z', until: '2026-12-02T12:00:00.000Z', more: ['often'] })
  const daily = body.runs.filter((run: { readonly policy: string }) => run.policy === 'daily')
  expect(daily).toEqual([
    { policy: 'daily', time: '2026-12-01T02:00:00.000Z', schedule: '0 2 * * *', timezone: 'UTC' },
    { policy: 'daily', time: '2026-12-02T02:00:00.000Z', schedule: '0 2 * * *', timezone: 'UTC' },
  ])
  for (const query of ['days=0', 'days=32', 'days=x', 'more=1']) {
    expect((await ask('GET', `/schedule?${query}`)).status, query).toBe(400)
  }
})

test('past times come in pages, the newest first', async () => {
  const { ask, daemon } = await doubled('policies: {}', '2026-11-30T12:00:00Z')
  const due = Date.parse('2026-11-30T11:00:00Z')
  for (const [at, policy] of ['a', 'b', 'a'].entries()) {
    daemon.history.schedules.see(policy, [], [{ due: due + at, outcome: 'skipped', reason: 'it still ran' }])
  }
  const all = await ask('GET', '/schedule/past?page_size=2')
  expect(all.headers.get('x-total-count')).toBe('3')
  expect(all.body).toMatchObject([
    { policy: 'a', due: '2026-11-30T11:00:00.002Z', outcome: 'skipped' },
    { policy: 'b' },
  ])
  const some = await ask('GET', '/schedule/past?q=policy=a')
  expect(some.body).toHaveLength(2)
})

test('each day says how its executions ended and what was copied', async () => {
  const { ask, daemon } = await doubled('policies: {}', '2026-11-30T12:00:00Z')
  const { history, clock } = daemon
  const run = (policy: string, status: 'succeeded' | 'failed' | 'stopped'): void => {
    const begun = history.executions.begin({ policy, snapshot: '{}', trigger: 'manual', lock: policy })
    if (!('id' in begun)) throw new Error('locked')
    history.executions.move(begun.id, 'in_progress')
    if (status === 'failed') history.executions.fail(begun.id, { code: 'network', message: 'it failed' })
    else history.executions.finish(begun.id, status)
    history.locks.release(begun.id)
  }
  run('a', 'succeeded')
  run('a', 'failed')
  await clock.advance(24 * 60 * 60 * 1000)
  run('a', 'stopped')
  const { body } = await ask('GET', '/stats?days=3')
  const none = { executions: 0, succeeded: 0, failed: 0, stopped: 0, active: 0, bytes: 0 }
  expect(body).toEqual([
    { day: '2026-11-29', ...none },
    { day: '2026-11-30', ...none, executions: 2, succeeded: 1, failed: 1 },
    { day: '2026-12-01', ...none, executions: 1, stopped: 1 },
  ])
  expect((await ask('GET', '/stats?timezone=Nowhere')).status).toBe(400)
  expect((await ask('GET', '/stats?days=366&timezone=Europe/Berlin')).body).toHaveLength(366)
})

test('the version is the program’s', async () => {
  const { ask } = await doubled('policies: {}', '2026-11-30T12:00:00Z')
  expect((await ask('GET', '/version')).body).toMatchObject({ name: 'replicate', version: metadata.version })
})
