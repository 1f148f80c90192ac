/** Which source a name means, where the gateway has several, and several policies of one. */

import { expect, test } from 'vitest'
import type { Endpoint } from '../../../src/engine/endpoint.ts'
import { placesOf, type TargetParts, targetsOf } from '../../../src/serve/gateway/policy/targets.ts'
import { load } from '../../config/setup.ts'
import { image } from '../../support/images.ts'
import { bodyOf, pulled, registry, startGateway } from './gateway.ts'

/** Two sources that have `team/app:1.0` with other content, and policies that both select it. */
async function two() {
  const [one, other, destination] = [await registry(), await registry(), await registry()]
  const [first, second] = [image({ layers: 1 }), image({ layers: 1, seed: 2 })]
  one.add('team/app', first, '1.0', 'old')
  other.add('team/app', second, '1.0')
  const gateway = await startGateway(`
registries:
  one: {type: docker-registry, url: ${one.url}}
  other: {type: docker-registry, url: ${other.url}}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  versions:
    source: {registry: one, namespaces: [team]}
    filters: {tag: ["1.*"]}
    destination: {registry: mine, namespace: versions}
    triggers: [{pull: true}]
  rest:
    source: {registry: one, namespaces: [team, tools]}
    destination: {registry: mine, namespace: rest}
    triggers: [{pull: true}]
  others:
    source: {registry: other, namespaces: [team]}
    destination: {registry: mine, namespace: others}
    triggers: [{pull: true}]
`)
  return { one, other, destination, first, second, gateway }
}

test('a source with a port is meant by `ns`, or by its host before the name with an underscore for the colon', async () => {
  const { one, other, first, second, gateway } = await two()
  const digest = async (path: string): Promise<string | null> => {
    const answer = await gateway.get(path)
    await bodyOf(answer)
    return answer.headers.get('docker-content-digest')
  }
  const [hostOfOne, hostOfOther] = [new URL(one.url).host, new URL(other.url).host]
  const inName = hostOfOther.replace(':', '_')
  expect([
    await digest('team/app/manifests/1.0'),
    await digest(`team/app/manifests/1.0?ns=${hostOfOne}`),
    await digest(`team/app/manifests/1.0?ns=${hostOfOther}`),
    await digest(`${inName}/team/app/manifests/1.0`),
    await digest(`${inName}/tools/app/manifests/1.0`),
  ]).toEqual([first.digest, first.digest, second.digest, second.digest, null])
  expect(await pulled(gateway, 2)).toEqual([0, 0])
})

test('of two policies of one source each brings the tags that it selects, and both answer for blobs', async () => {
  const { one, destination, first, gateway } = await two()
  const ns = `ns=${new URL(one.url).host}`
  for (const tag of ['1.0', 'old']) {
    const answer = await gateway.get(`team/app/manifests/${tag}?${ns}`)
    expect(answer.headers.get('docker-content-digest')).toBe(first.digest)
    await bodyOf(answer)
    for (const blob of first.blobs.keys()) {
      expect((await bodyOf(await gateway.get(`team/app/blobs/${blob}?${ns}`))).byteLength).toBeGreaterThan(0)
    }
  }
  expect(await pulled(gateway, 2)).toEqual([0, 0])
  expect([...destination.repository('versions/app').tags.keys()]).toEqual(['1.0'])
  expect([...destination.repository('rest/app').tags.keys()]).toEqual(['old'])
})

test.each([
  ['alpine', undefined],
  ['library/alpine', undefined],
  ['alpine', 'docker.io'],
  ['library/alpine', 'docker.io'],
  ['library/alpine', 'registry-1.docker.io'],
  ['docker.io/alpine', undefined],
  ['docker.io/library/alpine', undefined],
])('%s with ns %s is the official image of Docker Hub', async (name, host) => {
  const configuration = load(`
policies:
  hub: {source: {registry: docker.io, namespaces: [library]}, destination: {registry: ghcr.io, namespace: mine}, triggers: [{pull: true}]}
`)
  // Only its name is looked at.
  const open = async (of: Endpoint['registry']): Promise<Endpoint> =>
    ({ registry: of, adapter: { repository: (at: string) => ({ at }) } }) as unknown as Endpoint
  const clock = { monotonic: () => 0 }
  const targets = targetsOf(configuration, { program: { open, clock }, openings: { open } } as unknown as TargetParts)
  const places = await placesOf({ name, host }, targets)
  expect(places.map(({ repository, mapped }) => [repository, mapped])).toEqual([['library/alpine', 'mine/alpine']])
})
