/** Real registries tell the daemon what happens in them: what is pushed arrives, and what is deleted goes where that is wanted. */

import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from 'vitest'
import { type Program, program, type Running, until } from '../../e2e/program.ts'
import { HARBOR_ADMIN, missingHarbor, type RealHarbor, startHarbor } from '../../support/harbor.ts'
import { type Artifact, image, index } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { basic, seed } from '../../support/seed.ts'
import { availableServers, startServer } from '../../support/servers.ts'

const SECRET = 'between-registry-and-replicate'
const AS_ADMIN = { authorization: basic(HARBOR_ADMIN.user, HARBOR_ADMIN.password) }

/** An address for a registry's configuration, which is written before the daemon has one. */
async function relay() {
  let target: string | undefined
  const server = createServer((request, response) => {
    if (target === undefined) {
      response.writeHead(503).end()
      return
    }
    const { method = 'POST', url = '', headers } = request
    const onward = send(target + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    to: (url: string) => {
      target = url
    },
  }
}

async function daemonWith(user: Program, yaml: string): Promise<{ readonly url: string; readonly daemon: Running }> {
  user.write('serve.yaml', `${yaml}\nserve: { listen: "127.0.0.1:0", settle: 100ms }\n`)
  const daemon = user.start(['serve', 'serve.yaml', '-v'])
  const url = (): string | undefined => /listening on (\S+)/.exec(daemon.said())?.[1]
  await until('the daemon listens', () => url() !== undefined)
  return { url: url() ?? '', daemon }
}

/** Two policies follow a namespace of the source: one that deletes by events, and one that keeps what it has. */
async function follow(
  source: {
    readonly type: string
    readonly url: string
    readonly namespace: string
    readonly env?: Readonly<Record<string, string>>
  },
  hook: { readonly to: (url: string) => void },
  act: {
    readonly push: (repository: string, tag: string, artifact: Artifact) => Promise<unknown>
    readonly remove: (repository: string, artifact: Artifact) => Promise<unknown>
  },
): Promise<void> {
  const destination = await startMemoryRegistry()
  onTestFinished(() => destination.close())
  const user = program({ REPLICATE_HOOK_SECRET: SECRET, ...source.env })
  const { url, daemon } = await daemonWith(
    user,
    `
registries:
  from: { type: ${source.type}, url: "${source.url}", hook_secret: "\${REPLICATE_HOOK_SECRET}" }
  to: { type: docker-registry, url: "${destination.url}" }
policies:
  follow:
    source: { registry: from }
    filters: { name: "${source.namespace}/**" }
    destination: { registry: to, namespace: copied, flatten: 0 }
    deletion: events
    triggers: [{ event: [push, delete] }]
  keep:
    source: { registry: from }
    filters: { name: "${source.namespace}/**" }
    destination: { registry: to, namespace: kept, flatten: 0 }
    triggers: [{ event: [push] }]
`,
  )
  hook.to(url)
  const repository = `${source.namespace}/team/app`
  const tagged = (namespace: string, tag: string) => destination.repository(`${namespace}/${repository}`).tags.get(tag)
  const one = index([image({ seed: 'one' }), image({ seed: 'two' })])
  onTestFailed(() => console.error(daemon.said()))
  const tags = ['v1', 'latest']
  for (const tag of tags) await act.push(repository, tag, one)
  await until('what was pushed arrives', () =>
    ['copied', 'kept'].every((namespace) => tags.every((tag) => tagged(namespace, tag) === one.digest)),
  )
  await act.remove(repository, one)
  await until('what was deleted goes, with all its tags', () => tags.every((tag) => !tagged('copied', tag)))
  for (const tag of tags) expect(tagged('kept', tag)).toBe(one.digest)
}

describe.each(availableServers().map((name) => [name]))('%s', (name) => {
  test('tells of a push and of a delete', async () => {
    const hook = await relay()
    const server = await startServer(name, { hook: { url: `${hook.url}/hooks/from`, secret: SECRET } })
    onTestFinished(() => server.stop())
    const type = name === 'zot' ? 'zot' : 'docker-registry'
    await follow({ type, url: server.url, namespace: 'mine' }, hook, {
      push: (repository, tag, artifact) => seed(server.url, repository, tag, artifact),
      remove: (repository, artifact) => gone(`${server.url}/v2/${repository}/manifests/${artifact.digest}`),
    })
  })
})

async function gone(url: string): Promise<void> {
  expect((await fetch(url, { method: 'DELETE' })).ok).toBe(true)
}

describe.skipIf(missingHarbor().length > 0)('Harbor', () => {
  let harbor: RealHarbor
  beforeAll(async () => {
    harbor = await startHarbor()
  })
  afterAll(() => harbor.stop())

  test.each(['Default', 'CloudEvents'])('tells of a push and of a delete in the format %s', async (format) => {
    const hook = await relay()
    const project = format.toLowerCase()
    await harbor.api('POST', '/projects', { project_name: project, metadata: { public: 'false' } })
    await harbor.api('POST', `/projects/${project}/webhook/policies`, {
      name: 'replicate',
      enabled: true,
      event_types: ['PUSH_ARTIFACT', 'DELETE_ARTIFACT'],
      targets: [
        {
          type: 'http',
          address: `${hook.url}/hooks/from`,
          auth_header: `Bearer ${SECRET}`,
          skip_cert_verify: true,
          payload_format: format,
        },
      ],
    })
    const env = { REPLICATE_FROM_USERNAME: HARBOR_ADMIN.user, REPLICATE_FROM_PASSWORD: HARBOR_ADMIN.password }
    await follow({ type: 'harbor', url: harbor.url, namespace: project, env }, hook, {
      push: (repository, tag, artifact) => seed(harbor.url, repository, tag, artifact, AS_ADMIN),
      remove: (_repository, { digest }) =>
        harbor.api('DELETE', `/projects/${project}/repositories/team%252Fapp/artifacts/${digest}`),
    })
  })
})
