/** Two real distributions that tell of each other's changes, with a mirror in either direction. */

import { describe, expect, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { cosignSignature, fallbackTag, image, index, referrer } from '../../support/images.ts'
import { seed } from '../../support/seed.ts'
import { availableServers, freePort, type RealServer, startServer } from '../../support/servers.ts'
import { startDaemon } from './sending.ts'

const SECRET = 'only-for-tests'

async function manifest(server: RealServer, reference: string, method = 'HEAD'): Promise<number> {
  const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json'
  const response = await fetch(`${server.url}/v2/team/app/manifests/${reference}`, { method, headers: { accept } })
  await response.arrayBuffer()
  return response.status
}

const is = (server: RealServer, reference: string, status: number) => async () =>
  (await manifest(server, reference)) === status

describe.skipIf(!availableServers().includes('registry'))('two mirrors of each other', () => {
  test('carry pushes, signatures that come later, and deletes, and then rest', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const hook = (name: string) => ({ hook: { url: `${url}/hooks/${name}`, secret: SECRET } })
    const [a, b] = [await startServer('registry', hook('a')), await startServer('registry', hook('b'))]
    const user = program({ HOOK_SECRET: SECRET })
    const registryOf = ({ url: at }: RealServer): string =>
      `{ type: docker-registry, url: ${at}, hook_secret: "\${HOOK_SECRET}" }`
    const policyOf = (from: string, to: string): string => `  ${from}-to-${to}:
    source: { registry: ${from} }
    destination: { registry: ${to}, flatten: 0 }
    filters: { name: "team/**" }
    deletion: mirror
    triggers: [{ event: [push, delete] }]
`
    const daemon = await startDaemon(
      `registries:\n  a: ${registryOf(a)}\n  b: ${registryOf(b)}\npolicies:\n${policyOf('a', 'b')}${policyOf('b', 'a')}serve: { listen: "${url.slice(7)}", settle: 500ms }\n`,
      user,
    )
    const built = index([image({ seed: 1 }), image({ seed: 2 })])
    await seed(a.url, 'team/app', 'v1', built)
    await until('the push arrives', is(b, 'v1', 200))
    const signature = cosignSignature(built.descriptor)
    await seed(a.url, 'team/app', signature.tag, signature.artifact)
    const subject = built.children[0]?.descriptor ?? built.descriptor
    const other = await seed(a.url, 'team/app', undefined, referrer(subject))
    // What a client adds where the registry has no referrers API.
    await seed(a.url, 'team/app', fallbackTag(subject.digest), index([other]))
    await until('the signature by tag arrives', is(b, signature.tag, 200))
    await until('the one that names its subject arrives', is(b, other.digest, 200))
    await seed(b.url, 'team/app', 'v2', image({ seed: 3 }))
    await until('the other way', is(a, 'v2', 200))
    expect(await manifest(a, 'v1', 'DELETE')).toBe(202)
    await until('the delete arrives', is(b, 'v1', 404))
    let rest = 0
    let last = -1
    await until(
      'both rest',
      async () => {
        const executions = await user.executions()
        expect(executions.filter(({ status }) => status === 'failed')).toEqual([])
        const isDone = executions.every(({ status }) => status === 'succeeded')
        rest = isDone && executions.length === last ? rest + 1 : 0
        last = executions.length
        await new Promise((resolve) => setTimeout(resolve, 500))
        return rest > 4
      },
      100_000,
    )
    expect([await manifest(a, 'v1'), await manifest(b, 'v1')]).toEqual([404, 404])
    expect([await manifest(a, 'v2'), await manifest(b, 'v2')]).toEqual([200, 200])
    daemon.running.process.kill('SIGTERM')
    expect(await daemon.running.ended).toMatchObject({ code: 0 })
  })
})
