/** Clients that take nothing, through a gateway with little room: what is kept stays within it, and no one else waits. */

import { fstatSync, readdirSync, readlinkSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { computeDigest } from '../../../src/core/manifest.ts'
import { image } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { asked, bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const MIB = 1024 * 1024

/** A client that takes nothing of the body until it is told to. */
function opened(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { agent: false }, resolve).on('error', reject).end()
  })
}

/** Bytes in files below the directory that this process has open, which have no names any more. */
function spooled(directory: string): number {
  return readdirSync('/proc/self/fd').reduce((sum, fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory) ? sum + fstatSync(Number(fd)).size : sum
    } catch {
      // It was closed meanwhile.
      return sum
    }
  }, 0)
}

test.skipIf(process.platform !== 'linux').each([
  ['for some of it', { memory: 2 * MIB, disk: 16 * MIB }],
  ['in memory alone', { memory: 2 * MIB, disk: 0 }],
])('with room %s, slow clients hold up neither a fast one nor the copy, and get all later', async (_, limits) => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 3, size: 12 * MIB })
  source.add('team/app', app, '1.0')
  const home = temporaryDirectory()
  const gateway = await startGateway(policies(source, destination), { home, spooled: limits })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, spooled(`${home}/pulls`))
  }, 5)
  onTestFinished(() => clearInterval(look))
  const layers = [...app.blobs.keys()].slice(1)
  const slow = layers.map((digest) => opened(`${gateway.url}/v2/team/app/blobs/${digest}`))
  for (const digest of app.blobs.keys()) {
    expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  }
  expect(await pulled(gateway)).toEqual([0])
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
  clearInterval(look)
  expect([most <= limits.disk, most > 0]).toEqual([true, limits.disk > 0])
  for (const [at, digest] of layers.entries()) {
    const answer = await slow[at]
    const parts: Buffer[] = []
    for await (const part of answer ?? []) parts.push(part)
    expect([answer?.statusCode, computeDigest(Buffer.concat(parts))]).toEqual([200, digest])
  }
  const reads = asked(source).filter(({ method, route }) => method === 'GET' && route === 'blob')
  expect(reads).toHaveLength(app.blobs.size)
})
