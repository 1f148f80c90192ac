/** Several destinations of one policy, one of which is in trouble: the others must not notice. */

import { expect, onTestFinished, test } from 'vitest'
import { policyBetween, workplace } from '../e2e/harness.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { isLayer, MIB } from './setup.ts'

test('a destination that hangs in the middle of a blob does not hold up the other', async () => {
  const [source, healthy, hung] = [await registry(), await registry(), await registry()]
  const proxy = await startFaultProxy(hung.url, (request) =>
    isLayer(request, artifact) ? { freeze: 'up', at: MIB } : undefined,
  )
  onTestFinished(() => proxy.close())
  // More than the system's buffers take.
  const artifact = image({ layers: 2, size: 16 * MIB, seed: 'hung' })
  for (const tag of ['v1', 'v2', 'v3']) source.add('app', artifact, tag)
  const stop = new AbortController()
  let succeeded = 0
  // No server is given up for silence while this test runs: without the rule it would not end.
  const place = workplace({}, { idle: 600_000, patience: 200 })
  const { tasks } = await place.run(
    policyBetween(source.url, healthy.url)
      .replace('policies:', `  hung: { type: docker-registry, url: "${proxy.url}" }\npolicies:`)
      .replace(/destination: .*/, 'destination: [to/mirror, hung/mirror]'),
    {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type !== 'task' || event.task.status !== 'succeeded') return
        succeeded += 1
        if (succeeded === 3) stop.abort()
      },
    },
  )
  const ends = tasks.map(({ dest_resource, status }) => `${dest_resource.split('/')[0]} ${status}`).sort()
  expect(ends).toEqual([...Array(3).fill('hung stopped'), ...Array(3).fill('to succeeded')])
})
