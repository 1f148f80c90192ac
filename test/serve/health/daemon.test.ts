/** The health of registries, as those see it who run `replicate serve`. */

import { expect, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { listener } from '../../support/listener.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'

test('a registry that goes down is logged, told and listed, with the reason and since when', async () => {
  const hub = await startMemoryRegistry()
  const hook = await listener()
  const user = program({ REPLICATE_CONFIG: 'config.yaml', TOLD: `${hook.url}/a-secret-path-1` })
  user.write(
    'config.yaml',
    `registries:
  hub: { type: docker-registry, url: '${hub.url}' }
serve:
  listen: 127.0.0.1:0
  health_interval: 1s
  notify: [{ on: unhealthy, webhook: "\${TOLD}" }]
`,
  )
  const daemon = user.start(['serve'])
  const listed = async () => JSON.parse((await user.run(['registries', 'list', '--json'])).stdout)[0]
  await until('the registry is healthy', async () => (await listed()).status === 'healthy')
  await hub.close()
  await until('the registry is unhealthy', async () => (await listed()).status === 'unhealthy')
  expect((await listed()).status_reason).toContain('connection refused')
  await until('it is told', () => hook.heard.length > 0)
  await until('that is logged', () => daemon.said().includes('registry hub unhealthy'))
  expect(JSON.parse(hook.heard[0]?.body ?? '')).toMatchObject({
    type: 'io.replicate.registry.unhealthy',
    data: { registry: 'hub', status: 'unhealthy' },
  })
  expect(daemon.said()).toMatch(/warning: registry hub: .*connection refused/)
  expect(daemon.said()).not.toContain('a-secret-path-1')
  daemon.process.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
})
