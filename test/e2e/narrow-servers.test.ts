/** Narrowed and sparse indexes at real registries, each of which has its own idea of what an index may leave out. */

import { describe, expect, test } from 'vitest'
import { descriptorOf } from '../../src/core/manifest.ts'
import { image, index, referrer } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { availableServers, type ServerName, startServer } from '../support/servers.ts'
import { policyBetween, workplace } from './harness.ts'

const linux = (architecture: string) => ({ os: 'linux', architecture })

function policy(name: ServerName, source: string, destination: string, index: string): string {
  const filters = `    filters: { platforms: [linux/amd64], platforms_index: ${index} }`
  const yaml = policyBetween(source, destination, filters)
  return name === 'zot' ? yaml.replace('to: { type: docker-registry', 'to: { type: zot') : yaml
}

describe.each(availableServers())('%s', (name) => {
  test('takes a narrowed index, knows it as unchanged, and gets what is signed late', async () => {
    const server = await startServer(name)
    const source = await startMemoryRegistry()
    try {
      const amd = image({ seed: 'amd' })
      const arm = image({ seed: 'arm', platform: linux('arm64') })
      source.add('app', index([index([amd, arm]), arm]), 'v1')
      const yaml = policy(name, source.url, server.url, 'narrow')
      const place = workplace()
      expect((await place.run(yaml)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
      expect((await place.run(yaml)).outcome.execution).toMatchObject({ unchanged: 1, total: 0 })
      source.add('app', referrer(descriptorOf(amd)))
      const late = await place.run(yaml, { referrers: 'all' })
      expect(late.outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
      expect((await place.run(yaml, { referrers: 'all' })).outcome.execution).toMatchObject({ unchanged: 1, total: 0 })
    } finally {
      await source.close()
      await server.stop()
    }
  })

  test('refuses a sparse index, and the error says what to do instead', async () => {
    const server = await startServer(name)
    const source = await startMemoryRegistry()
    try {
      source.add('app', index([image({ seed: 'amd' }), image({ seed: 'arm', platform: linux('arm64') })]), 'v1')
      const { outcome, tasks } = await workplace().run(policy(name, source.url, server.url, 'sparse'))
      expect(outcome.exitCode).toBe(1)
      expect(tasks[0]?.error?.hint).toContain('platforms_index: narrow')
    } finally {
      await source.close()
      await server.stop()
    }
  })
})
