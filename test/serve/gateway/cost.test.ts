/** What pulls cost in requests, at both sides. */

import { expect, test } from 'vitest'
import { image } from '../../support/images.ts'
import type { LoggedRequest, MemoryRegistry } from '../../support/memory-registry.ts'
import { asked, bodyOf, type Gateway, policies, pulled, registry, startGateway } from './gateway.ts'

/** How often each kind of request was made: `HEAD manifest 1.0` for a tag that is no attachment. */
function counted(requests: readonly LoggedRequest[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { method, route, path } of requests) {
    const reference = route === 'manifest' ? path.split('/').at(-1) : undefined
    const kind = reference === undefined ? '' : reference.startsWith('sha256-') ? ' of an attachment' : ` ${reference}`
    const name = `${method} ${route}${kind}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** What `pull` costs at each side, without checks of their health. */
async function costOf(
  sides: readonly MemoryRegistry[],
  pull: () => Promise<unknown>,
): Promise<readonly Readonly<Record<string, number>>[]> {
  const before = sides.map((side) => asked(side).length)
  await pull()
  return sides.map((side, at) => counted(asked(side).slice(before[at])))
}

async function pull(gateway: Gateway, name: string): Promise<void> {
  expect((await bodyOf(await gateway.get(`${name}/manifests/1.0`))).byteLength).toBeGreaterThan(0)
}

test('a tag that is not at the destination is asked for once at each side, and read once', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image({ layers: 2 }), '1.0')
  for (let at = 0; at < 5; at += 1) destination.add('mirror/app', image({ seed: 7 }), `other-${at}`)
  const gateway = await startGateway(policies(source, destination))
  const [from, to] = await costOf([source, destination], async () => {
    await pull(gateway, 'team/app')
    expect(await pulled(gateway)).toEqual([0])
  })
  expect(from).toEqual({
    'HEAD manifest 1.0': 1,
    'GET manifest 1.0': 1,
    'GET blob': 3,
    'GET referrers': 1,
    // Each name by which tools attach something to an image.
    'HEAD manifest of an attachment': 7,
  })
  expect(to).toEqual({
    'HEAD manifest 1.0': 1,
    'HEAD blob': 3,
    'POST upload': 3,
    'PUT upload': 3,
    'PUT manifest 1.0': 1,
  })
})

test('a pull as most clients make it, by HEAD and then by digest, costs the source no more', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 2 })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  const [from, to] = await costOf([source, destination], async () => {
    expect((await gateway.head('team/app/manifests/1.0')).status).toBe(200)
    expect((await gateway.get(`team/app/manifests/${app.digest}`)).status).toBe(200)
    expect(await pulled(gateway)).toEqual([0])
  })
  expect(from).toMatchObject({ 'HEAD manifest 1.0': 1, 'GET manifest 1.0': 1, 'GET blob': 3 })
  expect(from).not.toHaveProperty([`GET manifest ${app.digest}`])
  expect(to).not.toHaveProperty(['GET tags'])
})

test('a pull is not preceded by a check of both registries, which have just answered', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination))
  await pull(gateway, 'team/app')
  expect(await pulled(gateway)).toEqual([0])
  const stages = gateway.news.flatMap((one) =>
    one.type === 'execution_event' && one.event.type === 'stage' && one.event.stage === 'prepare'
      ? [one.event.text]
      : [],
  )
  expect(stages).toEqual(['applying a plan made just now', 'planned just now · 0 unchanged, 1 new'])
})

test('a tag that is older than max_age costs one request at each side', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  destination.add('mirror/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  await pull(gateway, 'team/app')
  const costs = await costOf([source, destination], () => pull(gateway, 'team/app'))
  expect(costs).toEqual([{ 'HEAD manifest 1.0': 1 }, { 'HEAD manifest 1.0': 1 }])
})
