/** The example with two Harbors: labels decide, and go along. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { robot } from '../adapters/harbor-setup.ts'
import { collect, connect } from '../contract/opened.ts'
import { program } from '../e2e/program.ts'
import { type FakeHarbor, startFakeHarbor } from '../fakes/harbor.ts'
import { image } from '../support/images.ts'

const EXAMPLE = 'harbor-labels.yaml'

async function harbor(): Promise<FakeHarbor> {
  const started = await startFakeHarbor()
  onTestFinished(() => started.close())
  return started
}

test(`${EXAMPLE} takes what is approved, with its labels, as the robots that it describes`, async () => {
  const [tests, live] = [await harbor(), await harbor()]
  await tests.api('POST', '/projects', { project_name: 'team-a' })
  const [good, candidate, other] = [image({ seed: 'good' }), image({ seed: 'rc' }), image({ seed: 'other' })]
  tests.content.add('team-a/app', good, '1.0')
  tests.content.add('team-a/app', candidate, '1.1-rc1')
  tests.content.add('team-a/app', other, '0.9')
  const { endpoint, ctx } = await connect(tests)
  for (const { digest } of [good, candidate]) {
    await endpoint.adapter.attachLabels?.('team-a/app', digest, ['approved', 'eu'], ctx)
  }
  const reads = ['repository:pull', 'repository:list', 'artifact:list']
  const writes = ['repository:push', 'label:list', 'label:create', 'artifact-label:create']
  const reader = await robot(tests, 'reader', 'team-a', reads)
  const writer = await robot(live, 'writer', undefined, [...reads, ...writes], ['project:create'])
  const here = program({ OLD_PASSWORD: reader.password, NEW_PASSWORD: writer.password })
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'examples', EXAMPLE), 'utf8')
  here.write(
    EXAMPLE,
    text.replace('https://harbor-tests.example.com', tests.url).replace('https://harbor-live.example.com', live.url),
  )
  const { code, stderr } = await here.run(['run', EXAMPLE])
  expect(code, stderr).toBe(0)
  const there = await connect(live)
  expect(await collect(there.endpoint.adapter.listTags?.('team-a/app', there.ctx) ?? [])).toMatchObject([
    { tag: '1.0', digest: good.digest, labels: ['approved', 'eu'] },
  ])
})
