/** Charts, and the images that they name: the same with workers and without. */

import { describe, expect, onTestFinished, test } from 'vitest'
import { naming } from '../e2e/with-images/world.ts'
import { startHelmHttp } from '../fakes/helm-http.ts'
import { chart, entryOf, indexOf, pushed, type TestChart } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { chartMuseum } from '../support/helm.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { comparable } from './compared.ts'
import { place, redis, worker } from './workplace.ts'

const CHARTS = [chart('demo', '1.0.0'), chart('demo', '1.1.0+b.2'), chart('other', '0.1.0')]

/** A chart repository as a web server has it. */
async function repository(charts: readonly TestChart[]) {
  const fake = await startHelmHttp()
  onTestFinished(() => fake.close())
  for (const { file, archive } of charts) fake.files.set(file, archive)
  fake.files.set('index.yaml', Buffer.from(indexOf(charts.map((one) => entryOf(one)))))
  return fake
}

interface Way {
  /** Registries and policies. */
  readonly yaml: string
  readonly hosts: readonly string[]
  readonly to: Parameters<typeof comparable>[1]
  /** What the destination lists, where it is none of ours. */
  readonly listed?: () => Promise<unknown>
}

/** Sources once, and a new destination for each run. */
const ways: Readonly<Record<string, () => Promise<() => Promise<Way>>>> = {
  'classic charts to a registry': async () => {
    const from = await repository(CHARTS)
    return async () => {
      const to = await registry()
      const yaml = `
registries:
  from: { type: helm-http, url: "${from.url}" }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy: { source: from, destination: { registry: to, namespace: mirror, flatten: 0 }, verify: full }
`
      return { yaml, hosts: [from.host, to.host], to }
    }
  },
  'charts and the images that they name': async () => {
    const images = await registry()
    images.add('team/app', image({ seed: 'app' }), '1.0')
    images.add('team/side', image({ seed: 'side' }), '2.0')
    const named = { app: `${images.host}/team/app:1.0`, side: `${images.host}/team/side:2.0` }
    const missing = { app: `${images.host}/team/app:1.0`, gone: `${images.host}/team/gone:9` }
    const from = await repository([naming('1.0.0', named), naming('2.0.0', missing)])
    return async () => {
      const to = await registry()
      const yaml = `
registries:
  from: { type: helm-http, url: "${from.url}" }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy:
    source: from
    destination: { registry: to, namespace: mirror, flatten: 0 }
    with_images: true
    retry: { attempts: 1, delay: 1s }
`
      return { yaml, hosts: [from.host, images.host, to.host], to }
    }
  },
  'charts of a registry to ChartMuseum': async () => {
    const from = await registry()
    for (const one of CHARTS) {
      from.add(`charts/${one.name}`, await pushed(one), one.version.replace('+', '_'))
    }
    return async () => {
      const [to, museum] = [await registry(), await chartMuseum()]
      const yaml = `
registries:
  from: { type: docker-registry, url: ${from.url} }
  to: { type: chartmuseum, url: "${museum.url}" }
policies:
  copy: { source: from, destination: { registry: to, flatten: 1 }, retry: { attempts: 1, delay: 1s } }
`
      const listed = async (): Promise<unknown> => {
        const all = Object.values((await (await fetch(`${museum.url}/api/charts`)).json()) as object).flat()
        return (all as readonly { name: string; version: string; digest: string }[]).map(
          ({ name, version, digest }) => `${name} ${version} ${digest}`,
        )
      }
      return { yaml, hosts: [from.host, new URL(museum.url).host], to, listed }
    }
  },
}

describe.skipIf(!hasRedis() || missingHelm().length > 0)('the same with workers and without', () => {
  test.each(Object.entries(ways))('%s', async (_, way) => {
    const [queue, again] = [await redis(), await way()]
    const compared = []
    for (const workers of [false, true]) {
      const { yaml, hosts, to, listed } = await again()
      const whole = `${yaml}workers: { queue: "${queue.url}" }\n`
      const both = workers ? [await worker(whole, { name: 'one' }), await worker(whole, { name: 'two' })] : []
      // Without Helm, whose versions find other images.
      const ran = await place({ PATH: '' }).run(whole, { workers })
      await Promise.all(both.map(({ end }) => end()))
      const plain = (text: string): string =>
        hosts.reduce((left, host, at) => left.replaceAll(host, `HOST-${at}`), text)
      const whatever = comparable(ran, to, plain)
      // ChartMuseum makes the configuration of a chart itself: whoever looks for it finds it, and workers always look.
      const logs = whatever.logs.map((line) => line.replace(/copied (.*)|(.*) was already there/, '$1$2')).sort()
      compared.push({ ...whatever, ...(listed ? { logs, listed: await listed() } : {}) })
      expect(ran.execution.succeed, ran.logs.join('\n')).toBeGreaterThanOrEqual(3)
      if (workers) {
        const done = both.flatMap(({ news }) => news.filter(({ type }) => type === 'task'))
        expect(done.length).toBeGreaterThanOrEqual(3)
      }
    }
    expect(compared[1]).toEqual(compared[0])
  })
})
