/** Real registries are polled: what is pushed, moved and deleted arrives, and a look that sees no change starts nothing. */

import { describe, expect, onTestFailed, onTestFinished, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { chart } from '../../support/charts.ts'
import { startCountingProxy } from '../../support/counting-proxy.ts'
import { chartMuseum } from '../../support/helm.ts'
import { image, index } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { seed } from '../../support/seed.ts'
import { availableServers, startServer } from '../../support/servers.ts'
import { pathOfTool } from '../../support/tools.ts'

interface Source {
  readonly type: string
  readonly url: string
  readonly repository: string
  /** Puts new content under the tag, each time other content. */
  push(tag: string): Promise<void>
  remove(tag: string): Promise<void>
}

async function ok(url: string, method: string, body?: Buffer): Promise<void> {
  const answer = await fetch(url, { method, ...(body ? { body: Uint8Array.from(body) } : {}) })
  expect(answer.ok, `${method} ${url}: ${answer.status} ${await answer.text()}`).toBe(true)
}

async function registrySource(name: (typeof servers)[number]): Promise<Source> {
  const server = await startServer(name)
  onTestFinished(() => server.stop())
  const digests = new Map<string, string>()
  let pushed = 0
  return {
    type: name === 'zot' ? 'zot' : 'docker-registry',
    url: server.url,
    repository: 'team/app',
    async push(tag) {
      pushed += 1
      const artifact = index([image({ seed: `${pushed}-a` }), image({ seed: `${pushed}-b` })])
      await seed(server.url, 'team/app', tag, artifact)
      digests.set(tag, artifact.digest)
    },
    remove: (tag) => ok(`${server.url}/v2/team/app/manifests/${digests.get(tag)}`, 'DELETE'),
  }
}

async function chartSource(): Promise<Source> {
  const { url } = await chartMuseum('--allow-overwrite')
  let pushed = 0
  return {
    type: 'chartmuseum',
    url,
    repository: 'shop',
    async push(tag) {
      pushed += 1
      await ok(`${url}/api/charts`, 'POST', chart('shop', tag, {}, String(pushed)).archive)
    },
    remove: (tag) => ok(`${url}/api/charts/shop/${tag}`, 'DELETE'),
  }
}

const servers = availableServers()
const SOURCES = [
  ...servers.map((name) => ({ name, open: () => registrySource(name) })),
  ...(pathOfTool('chartmuseum') === undefined ? [] : [{ name: 'chartmuseum', open: chartSource }]),
]

describe.each(SOURCES)('$name', ({ open }) => {
  test('is polled: a push, a tag that moves and a delete arrive, and then nothing runs', async () => {
    const source = await open()
    const between = await startCountingProxy(source.url)
    const destination = await startMemoryRegistry()
    onTestFinished(async () => {
      await Promise.all([between.close(), destination.close()])
    })
    const user = program()
    user.write(
      'serve.yaml',
      `registries:
  from: { type: ${source.type}, url: "${between.url}" }
  to: { type: docker-registry, url: "${destination.url}" }
policies:
  follow: { source: from, destination: { registry: to, flatten: 0 }, deletion: events, triggers: [{ poll: 1s }] }
serve: { listen: "127.0.0.1:0", settle: 100ms }
`,
    )
    const tags = () => destination.repositories.get(source.repository)?.tags ?? new Map<string, string>()
    for (const tag of ['1.0.0', '1.1.0', '1.2.0']) await source.push(tag)
    const daemon = user.start(['serve', 'serve.yaml'])
    onTestFailed(() => console.error(daemon.said()))
    await until('everything is there', () => tags().size === 3)

    await source.push('2.0.0')
    await until('what was pushed is there', () => tags().has('2.0.0'))
    const before = tags().get('1.1.0')
    await source.push('1.1.0')
    await until('the tag has moved', () => tags().get('1.1.0') !== before)
    await source.remove('1.0.0')
    await until('what was deleted is gone', () => !tags().has('1.0.0'))
    expect([...tags().keys()].sort()).toEqual(['1.1.0', '1.2.0', '2.0.0'])

    const executions = async (): Promise<{ trigger: string; status: string }[]> =>
      JSON.parse((await user.run(['executions', 'list', '--json'])).stdout)
    await until('looks that see no change start nothing', async () => {
      const [asked, before] = [between.requests, (await executions()).length]
      await until('it has looked again', () => between.requests > asked + 8)
      return (await executions()).length === before
    })
    const told = (await executions()).map(({ trigger, status }) => `${trigger} ${status}`)
    expect(new Set(told)).toEqual(new Set(['poll succeeded']))
    daemon.process.kill('SIGTERM')
    expect(await daemon.ended).toMatchObject({ code: 0 })
  })
})
