/** Every kind of artifact between the real registries that are installed, each as source and as destination. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { computeDigest } from '../../src/core/manifest.ts'
import { type Artifact, artifact, image, index } from '../support/images.ts'
import { basic, seed } from '../support/seed.ts'
import { availableServers, type RealServer, SERVER_USER, type ServerName, startServer } from '../support/servers.ts'
import { workplace } from './harness.ts'

const arm = { os: 'linux', architecture: 'arm64' }
const KINDS: Readonly<Record<string, Artifact>> = {
  'docker-image': image({ docker: true, seed: 'docker' }),
  'oci-image': image({ seed: 'oci' }),
  'docker-list': index([image({ docker: true, seed: 'a' }), image({ docker: true, seed: 'b', platform: arm })], {
    docker: true,
  }),
  'oci-index': index([image({ seed: 'c' }), image({ seed: 'd', platform: arm })]),
  'nested-index': index([index([image({ seed: 'e' })]), image({ seed: 'f', platform: arm })]),
  artifact: artifact({ artifactType: 'application/vnd.example.thing.v1+json' }),
}

const AUTHORIZATION = basic(SERVER_USER.user, SERVER_USER.password)
const names = availableServers()
const servers = new Map<ServerName, RealServer>()

beforeAll(async () => {
  for (const name of names) {
    const server = await startServer(name, name === 'zot' ? { auth: true, docker: true } : {})
    servers.set(name, server)
    for (const [tag, built] of Object.entries(KINDS))
      await seed(server.url, 'group/app', tag, built, authorization(name))
  }
})
afterAll(async () => {
  for (const server of servers.values()) await server.stop()
})

describe.each(names)('from %s', (from) => {
  test.each(names)('to %s', async (to) => {
    const { user, password } = SERVER_USER
    const place = workplace({
      REPLICATE_FROM_USERNAME: user,
      REPLICATE_FROM_PASSWORD: password,
      REPLICATE_TO_USERNAME: user,
      REPLICATE_TO_PASSWORD: password,
    })
    const yaml = `
registries:
  from: { type: ${typeOf(from)}, url: ${urlOf(from)} }
  to: { type: ${typeOf(to)}, url: ${urlOf(to)} }
policies:
  matrix:
    source: { registry: from, namespaces: [group] }
    destination: { registry: to, namespace: from-${from} }
    retry: { attempts: 1, delay: 1s }
`
    const { outcome, tasks } = await place.run(yaml)
    expect(outcome, JSON.stringify(tasks.map(({ error }) => error))).toMatchObject({
      exitCode: 0,
      execution: { total: 6, succeed: 6 },
    })
    for (const [tag, built] of Object.entries(KINDS)) {
      for (const digest of [built.digest, ...built.children.map((child) => child.digest)]) {
        expect(await digestAt(to, `from-${from}/app`, digest), `${tag} ${digest}`).toBe(digest)
      }
      expect(await digestAt(to, `from-${from}/app`, tag), tag).toBe(built.digest)
    }
    const again = await place.run(yaml)
    expect(again.outcome).toMatchObject({ exitCode: 0, execution: { total: 0, unchanged: 6 } })
  })
})

test.runIf(names.includes('zot'))('zot refuses a wrong password', async () => {
  const place = workplace({ REPLICATE_TO_USERNAME: SERVER_USER.user, REPLICATE_TO_PASSWORD: 'wrong' })
  const yaml = `
registries:
  to: { type: zot, url: ${urlOf('zot')} }
policies:
  refused: { source: to/group/app, destination: 'oci:copy' }
`
  const { outcome } = await place.run(yaml)
  expect(outcome.exitCode).toBe(3)
  expect(String(outcome.error)).toMatch(/refused \S+ \(from .*\): 401/)
})

function typeOf(name: ServerName): string {
  return name === 'zot' ? 'zot' : 'docker-registry'
}

function urlOf(name: ServerName): string {
  const server = servers.get(name)
  if (!server) throw new Error(`${name} was not started`)
  return server.url
}

function authorization(name: ServerName): { readonly authorization?: string } {
  return name === 'zot' ? { authorization: AUTHORIZATION } : {}
}

/** Of the bytes that the registry gives, or what it answered instead. */
async function digestAt(name: ServerName, repository: string, reference: string): Promise<string> {
  const accept = [...new Set(Object.values(KINDS).map((built) => built.mediaType))].join(', ')
  const response = await fetch(`${urlOf(name)}/v2/${repository}/manifests/${reference}`, {
    headers: { accept, ...authorization(name) },
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  return response.ok ? computeDigest(bytes) : `status ${response.status}`
}
