/** What executions of one daemon share. */

import { expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { serving } from './serving.ts'

/** Streams of small blobs at once, of all executions together. */
const STREAMS = 32

test('two executions share one set of streams', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let open = 0
  let most = 0
  const { source, user, yaml, start } = await serving({
    intercept: async ({ method, url }) => {
      if (method !== 'GET' || !url.pathname.includes('/blobs/')) return undefined
      open += 1
      most = Math.max(most, open)
      await released
      // Another one that came too early would be seen.
      await new Promise((resolve) => setTimeout(resolve, 2))
      open -= 1
      return undefined
    },
  })
  for (let tag = 0; tag < 20; tag += 1) {
    source.add('app', image({ seed: `app ${tag}` }), `t${tag}`)
    source.add('other', image({ seed: `other ${tag}` }), `t${tag}`)
  }
  const policies = (triggers: string): string =>
    `    filters: {name: app}\n${triggers}  second:
    source: {registry: from}
    destination: {registry: to, namespace: second}
    filters: {name: other}\n${triggers}`
  user.write('serve.yaml', yaml(policies('    triggers: [{schedule: "* * * * * *"}]\n')))
  const daemon = await start()
  await daemon.says(/execution 1 .*started/)
  await daemon.says(/execution 2 .*started/)
  await until('all streams are taken', () => open === STREAMS)
  user.write('serve.yaml', yaml(policies('')))
  await daemon.says('configuration reloaded')
  release()
  await daemon.says(/execution 1 {2}\w+ {2}succeeded/)
  await daemon.says(/execution 2 {2}\w+ {2}succeeded/)
  expect(most).toBe(STREAMS)
})
