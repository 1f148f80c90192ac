/** `REPLICATE_RECORD`: what is written, what is left out of it, its bounds, and that a recording can be answered from. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { recorderAt } from '../../src/app/recorder.ts'
import type { Exchange } from '../../src/http/record/record.ts'
import { collect, connect, digestsIn } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { OAUTH, startQuay } from '../fakes/quay.ts'
import { image, index } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { startReplay } from '../support/replay.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const EXCHANGE: Exchange = {
  request: { method: 'GET', url: 'https://registry.example.com/v2/', headers: {} },
  answer: { status: 200, headers: {} },
}

test('a run writes what was sent and answered, without secrets and blobs, and an adapter is answered from it', async () => {
  const it = await startQuay({ isPrivate: true })
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  const several = index([image({ seed: 'amd64' }), image({ seed: 'arm64' })])
  it.content.add('contract/app', several, 'v1')
  const work = workplace({ ...it.env, REPLICATE_RECORD: 'said' })
  expect((await work.run(policyWith(it, mine.url, 'it/contract/*', 'mine/mirror'))).outcome.exitCode).toBe(0)
  await it.close()

  const directory = join(work.directory, 'said')
  const files = readdirSync(directory)
  expect(files.length).toBeGreaterThan(10)
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  for (const name of files) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
  const texts = files.map((name) => readFileSync(join(directory, name), 'utf8'))
  const all = texts.join('')
  expect(all).not.toContain(OAUTH)
  expect(all).not.toContain(Buffer.from(`$oauthtoken:${OAUTH}`).toString('base64').slice(0, 30))
  // The beginning of every token that the fake gives.
  expect(all).not.toContain('h.eyJ')
  expect(all).toContain('Bearer ***')
  const exchanges = texts.map((text) => JSON.parse(text) as Exchange)
  const blobs = exchanges.filter(({ request }) => request.url.includes('/blobs/sha256:'))
  expect(blobs.length).toBeGreaterThan(0)
  for (const { answer } of blobs) expect(answer).not.toHaveProperty('body.text')

  const replay = await startReplay(directory)
  onTestFinished(() => replay.close())
  const { endpoint, ctx } = await connect({
    registry: { ...it.registry, url: replay.urlOf(it.content.url) },
    env: { ...it.env },
  })
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toEqual([['v1', several.digest]])
  const manifest = await endpoint.adapter.repository('contract/app').readManifest(several.digest, ctx)
  expect(Buffer.from(manifest.bytes)).toEqual(Buffer.from(several.bytes))
  expect(replay.unknown).toEqual([])
})

test('what Gitea 1.26 said is listed from its recording', async () => {
  const replay = await startReplay(join(import.meta.dirname, '../recordings/gitea'))
  onTestFinished(() => replay.close())
  const { endpoint, ctx } = await connect({
    registry: { name: 'it', type: 'gitea', url: replay.urlOf('http://127.0.0.1:13999') },
    env: { REPLICATE_IT_USERNAME: 'tester', REPLICATE_IT_PASSWORD: 'any' },
  })
  await endpoint.adapter.ping(ctx)
  const wanted = { namespaces: [], names: [] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual([
    'contract/app',
    'contract/deep/er',
  ])
  expect((await digestsIn(endpoint, 'contract/app', ctx)).map(([tag]) => tag).sort()).toEqual(['latest', 'v1'])
  expect(replay.unknown).toEqual([])
})

test('ends at so many files and bytes, which it says once', () => {
  const warnings: string[] = []
  const options = { cwd: temporaryDirectory(), warn: (text: string) => warnings.push(text), now: () => 0 }
  const counted = recorderAt('counted', { ...options, most: 3 })
  for (let n = 0; n < 10; n += 1) counted?.(EXCHANGE)
  expect(readdirSync(join(options.cwd, 'counted'))).toHaveLength(3)
  expect(warnings).toEqual([expect.stringMatching(/REPLICATE_RECORD: there are 3 files; nothing more is recorded in /)])
  // Files that are there count.
  writeFileSync(join(options.cwd, 'counted', 'of-another-run.json'), 'x'.repeat(1000))
  const weighed = recorderAt('counted', { ...options, largest: 1000 })
  weighed?.(EXCHANGE)
  expect(readdirSync(join(options.cwd, 'counted'))).toHaveLength(4)
  expect(warnings).toHaveLength(2)
})

test('a directory that cannot be made is said, and the run goes on', async () => {
  const it = await startMemoryRegistry()
  const mine = await startMemoryRegistry()
  onTestFinished(() => Promise.all([it.close(), mine.close()]).then(() => {}))
  it.add('team/app', image(), 'v1')
  const work = workplace({ REPLICATE_RECORD: 'policy.yaml/below' })
  const under = { registry: { name: 'it', type: 'docker-registry', url: it.url } }
  const { outcome, events } = await work.run(
    policyWith({ ...under, ...NOTHING }, mine.url, 'it/team/app', 'mine/mirror'),
  )
  expect(outcome.exitCode).toBe(0)
  const warnings = events.flatMap((event) => (event.type === 'log' && event.level === 'warning' ? [event.text] : []))
  expect(warnings).toEqual([expect.stringContaining('nothing more is recorded')])
})

const NOTHING = { env: {}, namespace: '', seed() {}, close: async () => {} }

test('without the variable nothing is written', () => {
  const options = { cwd: temporaryDirectory(), warn() {}, now: () => 0 }
  expect(recorderAt(undefined, options)).toBeUndefined()
  expect(recorderAt('', options)).toBeUndefined()
})
