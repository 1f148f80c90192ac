/** What a task copied, field by field, as `executions show --json` has it: images, indexes, charts and deletes. */

import { expect, test } from 'vitest'
import type { TaskResource } from '../../src/core/execution.ts'
import { chart, pushed } from '../support/charts.ts'
import { image, index } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { type Program, program } from './program.ts'

async function tasksOf(here: Program) {
  const { stdout } = await here.run(['executions', 'show', 'last', '--json'])
  const { tasks, ...execution } = JSON.parse(stdout)
  return { execution, tasks }
}

test('a task names both of its ends, its log and what it copied', async () => {
  const [source, destination] = [await registry(), await registry()]
  const parts = ['amd64', 'arm64', 's390x'].map((architecture) =>
    image({ seed: architecture, platform: { os: 'linux', architecture } }),
  )
  const whole = index(parts)
  source.add('team/web/app', whole, '1.0')
  const one = chart('shop', '2.3.4')
  source.add('charts/shop', await pushed(one), '2.3.4')
  const here = program()
  here.write(
    'policy.yaml',
    policyBetween(
      source.url,
      destination.url,
      '    filters: { platforms: [linux/amd64, linux/arm64], platforms_index: narrow }',
    ),
  )
  const { code, stderr } = await here.run(['run', 'policy.yaml'])
  expect(code, stderr).toBe(0)
  const { execution, tasks } = await tasksOf(here)
  expect(execution.logs).toBe('/api/replication/executions/1/logs')
  const [app, shop] = ['app', 'shop'].map((name) =>
    tasks.find((task: { source: TaskResource }) => task.source.metadata.name === name),
  )
  expect(app).toMatchObject({
    log_data_path: `/api/replication/executions/1/logs/${app.id}`,
    named_by: null,
    source: {
      resource_type: 'image',
      uri: 'from/team/web/app:1.0',
      registry: 'from',
      metadata: { namespace: 'team/web', name: 'app', v_tag: '1.0', labels: [] },
      deleted: false,
      extended_info: {
        digest: whole.digest,
        media_type: whole.mediaType,
        size: app.bytes_copied,
        platforms: ['linux/amd64', 'linux/arm64'],
      },
    },
    destination: {
      uri: 'to/mirror/team/web/app:1.0',
      metadata: { namespace: 'mirror/team/web', name: 'app', v_tag: '1.0' },
    },
  })
  expect(app.destination.extended_info.digest).toBe(app.dest_digest)
  expect(shop).toMatchObject({
    source: { resource_type: 'chart', metadata: { namespace: 'charts', name: 'shop', v_tag: '2.3.4' } },
    destination: { resource_type: 'chart', extended_info: { size: shop.bytes_copied, platforms: [] } },
  })
  const said = await here.run(['executions', 'logs', '1', String(shop.id)])
  expect(said.stdout).toContain('digest verified')
})

test('a task that deletes says so of both ends', async () => {
  const [source, destination] = [await registry(), await registry()]
  const old = image({ seed: 1 })
  source.add('app', old, 'v1')
  source.add('app', image({ seed: 2 }), 'v2')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url, '    deletion: mirror\n    max_deletions: 5'))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  source.repositories.get('app')?.tags.delete('v1')
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect((await tasksOf(here)).tasks).toMatchObject([
    {
      action: 'delete',
      source: { metadata: { name: 'app', v_tag: 'v1' }, deleted: true },
      destination: { deleted: true, extended_info: { digest: old.digest, size: null } },
    },
  ])
})
