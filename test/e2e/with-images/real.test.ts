/** Charts bring their images between real registries. */

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startHelmHttp } from '../../fakes/helm-http.ts'
import { digestOf, indexOf } from '../../support/charts.ts'
import { missingHelm } from '../../support/clients.ts'
import { helm } from '../../support/helm.ts'
import { registry } from '../../support/registries.ts'
import { availableServers, startServer } from '../../support/servers.ts'
import { workplace } from '../harness.ts'
import { APP, HELM, SIDE } from './world.ts'

const servers = missingHelm().length === 0 && availableServers().includes('docker-registry')

test.skipIf(!servers)(
  'a chart as Helm makes one brings its images between real registries, by the values it is installed with',
  async () => {
    const started = await Promise.all([startServer('docker-registry'), startServer('docker-registry')])
    onTestFinished(async () => void (await Promise.all(started.map((server) => server.stop()))))
    const [images, inside] = started
    if (!images || !inside) throw new Error('no servers')
    const by = helm()
    await by.run('create', 'web')
    await by.run('package', 'web')
    const archive = readFileSync(join(by.directory, 'web-0.1.0.tgz'))
    const charts = await startHelmHttp()
    onTestFinished(() => charts.close())
    charts.files.set('web-0.1.0.tgz', archive)
    const entry = { name: 'web', version: '0.1.0', urls: ['web-0.1.0.tgz'], digest: digestOf(archive).slice(7) }
    charts.files.set('index.yaml', Buffer.from(indexOf([entry])))
    const source = await registry()
    source.add('team/nginx', APP, '1.16.0')
    source.add('library/busybox', SIDE, 'latest')
    const here = workplace({ PATH: dirname(HELM ?? '') })
    const fill = `
registries: { from: { type: docker-registry, url: "${source.url}" }, to: { type: docker-registry, url: "${images.url}" } }
policies: { fill: { source: from, destination: to } }
`
    expect((await here.run(fill)).outcome.execution).toMatchObject({ status: 'succeeded' })
    // Its test pod names busybox of Docker Hub, which is a registry of the configuration here.
    const yaml = `
registries:
  charts: { type: helm-http, url: "${charts.url}" }
  docker.io: { type: docker-registry, url: "${images.url}" }
  to: { type: docker-registry, url: "${inside.url}" }
policies:
  web:
    source: charts
    destination: { registry: to, namespace: mirror, flatten: 0 }
    with_images: true
    values: values.yaml
    retry: { attempts: 1, delay: 1s }
`
    writeFileSync(join(here.directory, 'values.yaml'), `image: { repository: "${images.host}/team/nginx" }\n`)
    const first = await here.run(yaml)
    expect(first.outcome.execution, JSON.stringify(first.tasks)).toMatchObject({ status: 'succeeded', total: 3 })
    for (const [name, tag] of [
      ['web', '0.1.0'],
      ['team/nginx', '1.16.0'],
      ['library/busybox', 'latest'],
    ] as const) {
      const answer = await fetch(`${inside.url}/v2/mirror/${name}/tags/list`)
      expect(await answer.json(), name).toMatchObject({ tags: [tag] })
    }
    charts.asked.splice(0)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 3 })
    expect(charts.said()).toEqual(['GET index.yaml'])
    // With other values it is rendered again.
    writeFileSync(join(here.directory, 'values.yaml'), `image: { repository: "${images.host}/team/nginx", tag: "2" }\n`)
    const other = await here.run(yaml)
    expect(other.tasks.map(({ error }) => error?.message).join()).toContain('team/nginx:2')
    expect(await here.verify(yaml.replace('values.yaml', 'none.yaml')).catch(String)).toMatch(
      /values .*none\.yaml cannot be read/,
    )
  },
)
