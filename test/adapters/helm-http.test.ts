/** Classic chart repositories: read as the artifacts that `helm push` makes, gently, and each bad chart alone. */

import { describe, expect, onTestFinished, test } from 'vitest'
import { type Answer, type FakeOptions, type FakeRepository, startHelmHttp } from '../fakes/helm-http.ts'
import { workplace } from '../e2e/harness.ts'
import { chart, entryOf, type IndexedChart, indexOf, packed, provenance, type TestChart } from '../support/charts.ts'
import { registry } from '../support/registries.ts'

const DEMO = chart('demo', '1.0.0')
const BUILD = chart('demo', '1.1.0+b.1')
const OTHER = chart('other', '0.1.0')

async function repository(charts: readonly TestChart[], options: FakeOptions = {}): Promise<FakeRepository> {
  const started = await startHelmHttp(options)
  onTestFinished(() => started.close())
  put(started, charts)
  return started
}

function put({ files }: FakeRepository, charts: readonly TestChart[], entries: readonly IndexedChart[] = []): void {
  for (const { file, archive } of charts) files.set(file, archive)
  files.set('index.yaml', Buffer.from(indexOf([...charts.map((one) => entryOf(one)), ...entries])))
}

function policy(url: string, destination: string, filters = '', extra = ''): string {
  return `
registries:
  charts: { type: helm-http, url: "${url}"${extra} }
  to: { type: docker-registry, url: ${destination} }
policies:
  copy:
    source: { registry: charts }
    destination: { registry: to, namespace: mirror, flatten: 0 }
    retry: { attempts: 1, delay: 1s }
    filters: { ${filters} }
`
}

/** Tags of the destination with the digest of their chart's archive. */
function archives(to: Awaited<ReturnType<typeof registry>>, name: string): Record<string, string> {
  return Object.fromEntries(
    [...(to.repositories.get(name)?.tags ?? [])].map(([tag, digest]) => {
      const bytes = to.repositories.get(name)?.manifests.get(digest)?.bytes ?? Buffer.alloc(0)
      const { layers } = JSON.parse(Buffer.from(bytes).toString('utf8'))
      return [tag, layers.map(({ digest: layer }: { digest: string }) => layer).join(' ')]
    }),
  )
}

describe('a chart repository', () => {
  test('becomes artifacts, and a second run asks for the index only, and not for its content', async () => {
    const from = await repository([DEMO, BUILD, OTHER])
    const to = await registry()
    const here = workplace()
    const first = await here.run(policy(from.url, to.url))
    expect(first.outcome.execution).toMatchObject({ status: 'succeeded', total: 3 })
    expect(archives(to, 'mirror/demo')).toEqual({ '1.0.0': DEMO.digest, '1.1.0_b.1': BUILD.digest })
    from.asked.splice(0)
    const second = await here.run(policy(from.url, to.url))
    expect(second.outcome.execution).toMatchObject({ status: 'succeeded', total: 0, unchanged: 3 })
    expect(from.asked.map(({ url, status }) => `${url} ${status}`)).toEqual(['/charts/index.yaml 304'])
  })
})
