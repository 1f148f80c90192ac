/** What a run says it will move, and has moved, through failures and attempts. */

import { expect, test } from 'vitest'
import type { Event } from '../../src/core/events.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween, workplace } from './harness.ts'

/** A clock that does not wait. */
function instantly() {
  let now = Date.now()
  const sleep = async (milliseconds: number): Promise<void> => {
    now += milliseconds
  }
  return { clock: { now: () => now, monotonic: () => now, sleep } }
}

function bytesOf(events: readonly Event[]) {
  let planned = 0
  let ended = 0
  for (const event of events) {
    if (event.type === 'planned') planned += event.bytes
    if (event.type === 'blob-ended' && event.outcome !== 'failed') ended += event.size
  }
  return { planned, ended }
}

test('the total does not grow with each attempt, nor with each tag of one image', async () => {
  let refusals = 2
  const destination = await registry({
    fault: ({ method, route }) => {
      if (method !== 'POST' || route !== 'upload' || refusals === 0) return undefined
      refusals -= 1
      return { status: 507 }
    },
  })
  const source = await registry()
  const artifact = image({ layers: 2, size: 300_000, seed: 'totals' })
  for (const tag of ['v1', 'v2', 'v3']) source.add('app', artifact, tag)
  const yaml = policyBetween(source.url, destination.url)
  const place = workplace({}, instantly())
  const { events, outcome } = await place.run(yaml.replace('attempts: 1', 'attempts: 4'))
  expect(outcome.execution?.total).toBe(3)
  const size = [...artifact.blobs.values()].reduce((sum, { length }) => sum + length, 0)
  expect(bytesOf(events).planned).toBe(size)
  if (outcome.exitCode === 0) expect(bytesOf(events).ended).toBe(size)
})
