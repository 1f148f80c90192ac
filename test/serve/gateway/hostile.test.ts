/** What a client may try: hosts and names that no policy has, paths that mean something else, and odd ranges. */

import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { image } from '../../support/images.ts'
import { asked, policies, pulled, registry, startGateway } from './gateway.ts'

/** The status that the target is answered with, sent as it stands. */
function statusOf(gateway: string, target: string, host?: string): Promise<number> {
  const { hostname, port } = new URL(gateway)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname)
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])))
    socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host ?? `${hostname}:${port}`}\r\nConnection: close\r\n\r\n`)
  })
}

test('nothing that a policy does not name is asked for, whatever the path, the query or the host say', async () => {
  const [source, destination, other] = [await registry(), await registry(), await registry()]
  const app = image({ layers: 1 })
  for (const name of ['team/app', 'secret/app']) source.add(name, app, '1.0')
  other.add('team/app', app, '1.0')
  destination.add('private/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  const elsewhere = new URL(other.url).host
  const refused = [
    `/v2/team/app/manifests/1.0?ns=${elsewhere}`,
    `/v2/team/app/manifests/1.0?ns=${elsewhere}&ns=${new URL(source.url).host}`,
    '/v2/team/app/manifests/1.0?ns=169.254.169.254',
    `/v2/team/app/manifests/1.0?ns=${encodeURIComponent(`${new URL(source.url).host}@${elsewhere}`)}`,
    `/v2/team/app/manifests/1.0?ns=${encodeURIComponent(`${new URL(source.url).host}/../`)}`,
    `/v2/${elsewhere}/team/app/manifests/1.0`,
    `/v2/user@${elsewhere}/team/app/manifests/1.0`,
    '/v2/secret/app/manifests/1.0',
    '/v2/private/app/manifests/1.0',
    '/v2/mirror/../private/app/manifests/1.0',
    '/v2/team/../secret/app/manifests/1.0',
    '/v2/team/%2e%2e/secret/app/manifests/1.0',
    '/v2/team%2F..%2Fsecret/app/manifests/1.0',
    '/v2/team%252F..%252Fsecret/app/manifests/1.0',
    '/v2/team/app/../../secret/app/manifests/1.0',
    '/v2/team//app/manifests/1.0',
    '/v2//team/app/manifests/1.0',
    '/v2/team/app%00/manifests/1.0',
    '/v2/team/app%3Fx/manifests/1.0',
    '/v2/team/app%0d%0aHost:%20x/manifests/1.0',
    '/v2/team/app/manifests/..%2F..%2F..%2Fsecret%2Fapp%2Fmanifests%2F1.0',
    '/v2/team/app/blobs/sha256:..%2F..%2F..',
    `/v2/team/app/blobs/sha256:${'a'.repeat(63)}`,
    `/v2/team/app/manifests/${'a'.repeat(129)}`,
    `/v2/team/${'a'.repeat(300)}/manifests/1.0`,
    '/v2/team/app/referrers/latest',
    `/v2/secret/app/referrers/${app.digest}`,
    '/v2/secret/app/tags/list',
    '/v2/_catalog',
  ]
  for (const target of refused) {
    const status = await statusOf(gateway.url, target)
    expect([target, status >= 400 && status < 500]).toEqual([target, true])
  }
  expect(await statusOf(gateway.url, '/v2/secret/app/manifests/1.0', elsewhere)).toBe(404)
  expect(await statusOf(gateway.url, `${other.url}/v2/secret/app/manifests/1.0`)).toBeGreaterThanOrEqual(400)
  expect([source, destination, other].map((one) => asked(one).map(({ path }) => path))).toEqual([[], [], []])
})

test('a host in the name of the request changes nothing about whom the gateway asks', async () => {
  const [source, destination, other] = [await registry(), await registry(), await registry()]
  source.add('team/app', image({ layers: 1 }), '1.0')
  const gateway = await startGateway(policies(source, destination))
  expect(await statusOf(gateway.url, '/v2/team/app/manifests/1.0', new URL(other.url).host)).toBe(200)
  expect(await pulled(gateway)).toEqual([0])
  expect(asked(other)).toEqual([])
})

test('a range that is not one is answered with all of the blob, once', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: 5000 })
  const [digest] = [...app.blobs].at(-1) ?? []
  source.add('team/app', app, '1.0')
  destination.add('mirror/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await (await gateway.get('team/app/manifests/1.0')).arrayBuffer()
  const many = `bytes=${Array.from({ length: 500 }, (_, at) => `${at}-${at + 1}`).join(',')}`
  for (const range of [many, 'bytes=5-2', 'bytes=-', 'bytes=a-b', 'items=0-1', `bytes=0-${'9'.repeat(30)}`]) {
    const response = await gateway.get(`team/app/blobs/${digest}`, { headers: { range } })
    expect([range, response.status, (await response.arrayBuffer()).byteLength]).toEqual([range, 200, 5000])
  }
})
