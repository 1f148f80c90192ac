/** A daemon runs for months: what one execution leaves in memory must be nothing. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createApp } from '../../src/app/app.ts'
import { until } from '../e2e/program.ts'
import { heap } from '../support/heap.ts'
import { image } from '../support/images.ts'
import { manualClock } from '../support/manual-clock.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const WARM_UP = 200
const EXECUTIONS = 1000
/** Bytes of one execution that may stay. Code that is compiled meanwhile counts, too: about 1200 where nothing stays. */
const LEFT = 3000

test(`${EXECUTIONS} executions leave nothing in memory`, async () => {
  const [source, destination] = [await registry(), await registry()]
  const images = [image({ seed: 1 }), image({ seed: 2 })] as const
  const directory = temporaryDirectory()
  writeFileSync(
    join(directory, 'serve.yaml'),
    `registries:
  from: {type: docker-registry, url: '${source.url}'}
  to: {type: docker-registry, url: '${destination.url}'}
policies:
  copy:
    source: {registry: from}
    destination: {registry: to, namespace: mirror}
    triggers: [{schedule: "* * * * * *"}]
serve: {listen: 127.0.0.1:0}
`,
  )
  const clock = manualClock()
  const app = createApp({
    env: { HOME: directory, XDG_CONFIG_HOME: join(directory, 'none'), DOCKER_CONFIG: join(directory, 'none') },
    home: join(directory, 'home'),
    cwd: directory,
    stdin: async () => '',
    timing: { clock },
  })
  const ending = new AbortController()
  let ended = 0
  let copied = 0
  let isListening = false
  const done = app.serve({
    files: ['serve.yaml'],
    drain: 0,
    signal: ending.signal,
    onReload: () => () => {},
    listen(news) {
      if (news.type === 'listening') isListening = true
      if (news.type !== 'execution_ended') return
      ended += 1
      copied += news.outcome.execution?.succeed ?? 0
    },
  })
  await until('the daemon listens', () => isListening)

  async function run(count: number): Promise<void> {
    const goal = ended + count
    while (ended < goal) {
      const before = ended
      source.add('app', images[ended % 2 === 0 ? 0 : 1], 'v1')
      await clock.advance(1000)
      while (ended === before) await new Promise((resolve) => setImmediate(resolve))
      source.requests.length = 0
      destination.requests.length = 0
    }
  }

  await run(WARM_UP)
  const before = await heap()
  await run(EXECUTIONS)
  const after = await heap()
  ending.abort()
  await done
  await app.close()
  expect(copied).toBeGreaterThanOrEqual(WARM_UP + EXECUTIONS)
  expect((after - before) / EXECUTIONS).toBeLessThan(LEFT)
})
