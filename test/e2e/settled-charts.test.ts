/** Charts between every pair of places that can hold them: what has arrived once stays as it is, by whichever way it came. */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FakeRepository, startHelmHttp } from '../fakes/helm-http.ts'
import { startChartMuseum } from '../support/chartmuseum.ts'
import { chart, entryOf, indexOf, provenance } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { workplace } from './harness.ts'

const CHARTS = [chart('plain', '1.0.0'), chart('signed', '1.0.0'), chart('signed', '1.1.0-rc.1+b.5')]
const TOTAL = CHARTS.length

/** What a policy writes for each kind of place; `pair` keeps its own content apart. */
type Place = (pair: string) => string

const servers = availableServers()
const isWhole = missingHelm().length === 0
const places = new Map<string, Place>()
const ends: (() => unknown)[] = []
let early: FakeRepository
let late: FakeRepository

/** The same archives, with other times in the index: so their manifests differ. */
async function classic(created: string): Promise<FakeRepository> {
  const from = await startHelmHttp()
  ends.push(() => from.close())
  for (const one of CHARTS) {
    from.files.set(one.file, one.archive)
    if (one.name === 'signed') from.files.set(`${one.file}.prov`, provenance(one))
  }
  from.files.set('index.yaml', Buffer.from(indexOf(CHARTS.map((one) => entryOf(one, { created })))))
  return from
}

const index = ({ url }: FakeRepository): string => `{ type: helm-http, url: "${url}", options: { namespace: seed } }`

beforeAll(async () => {
  early = await classic('2023-01-01T00:00:00Z')
  late = await classic('2024-01-01T00:00:00Z')
  places.set('helm-http', () => index(early))
  for (const name of ['docker-registry', 'zot'] as const) {
    if (!servers.includes(name)) continue
    const { url, stop } = await startServer(name)
    ends.push(stop)
    places.set(name, () => `{ type: ${name}, url: ${url} }`)
  }
  if (isWhole) {
    const { url, stop } = await startChartMuseum(temporaryDirectory(), ['--depth=1'])
    ends.push(stop)
    places.set('chartmuseum', () => `{ type: chartmuseum, url: ${url} }`)
  }
  const directory = temporaryDirectory()
  places.set('layout', (pair) => `{ type: oci-layout, path: ${join(directory, pair)} }`)
  places.set('tar', (pair) => `{ type: oci-layout, path: ${join(directory, `${pair}.tar`)} }`)
})
afterAll(async () => {
  for (const end of ends) await end()
})

function policy(from: string, namespace: string, to: string, into: string): string {
  return `
registries:
  from: ${from}
  to: ${to}
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: ${into} }
    filters: { name: "${namespace}/*" }
    retry: { attempts: 1, delay: 1s }
`
}

const HOLDERS = ['chartmuseum', 'docker-registry', 'zot', 'layout', 'tar'] as const
const UNCHANGED = { status: 'succeeded', total: 0, unchanged: TOTAL }

describe.each(['helm-http', ...HOLDERS])('charts of %s', (from) => {
  test.skipIf(!isWhole || !servers.includes('docker-registry') || !servers.includes('zot')).each(HOLDERS)(
    'at %s',
    async (to) => {
      const place = (kind: string, pair: string): string => places.get(kind)?.(pair) ?? ''
      const pair = `${from}-to-${to}`
      const here = workplace()
      let namespace = 'seed'
      if (from !== 'helm-http') {
        namespace = `${pair}-from`
        const fill = policy(index(early), 'seed', place(from, namespace), namespace)
        expect((await here.run(fill)).outcome.execution).toMatchObject({ status: 'succeeded', total: TOTAL })
        expect((await here.run(fill)).outcome.execution).toMatchObject(UNCHANGED)
      }
      const step = policy(place(from, namespace), namespace, place(to, `${pair}-direct`), `${pair}-direct`)
      const { outcome, tasks } = await here.run(step)
      expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'succeeded', total: TOTAL })
      expect((await here.run(step)).outcome.execution).toMatchObject(UNCHANGED)
      // Somebody who knows nothing of these runs has brought the same charts by another way.
      const other = `${pair}-other`
      const filled = await workplace().run(policy(index(late), 'seed', place(to, other), other))
      expect(filled.outcome.execution).toMatchObject({ status: 'succeeded', total: TOTAL })
      const crossed = policy(place(from, namespace), namespace, place(to, other), other)
      expect((await here.run(crossed)).outcome.execution).toMatchObject(UNCHANGED)
      expect((await here.run(crossed)).outcome.execution).toMatchObject(UNCHANGED)
      expect((await workplace().run(step)).outcome.execution).toMatchObject(UNCHANGED)
      expect(await here.verify(crossed)).toMatchObject({ compared: TOTAL, differences: [] })
    },
  )
})
