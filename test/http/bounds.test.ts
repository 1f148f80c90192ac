/** Answers larger than anything could need are read to a limit, and no further. */

import { afterEach, expect, test } from 'vitest'
import { ReplicateError } from '../../src/core/errors.ts'
import { collect, connect, end } from '../oci/registry/connect.ts'
import { type Answer, alice, client, context, failure, json, serve } from './server.ts'

afterEach(end)

const CHUNK = Buffer.alloc(64 * 1024, ' ')

/** Sends blanks for as long as they are read. */
const endless =
  (status: number, type = 'application/json'): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': type })
    const more = (): void => {
      if (response.destroyed) return
      if (response.write(CHUNK)) setImmediate(more)
      else response.once('drain', more)
    }
    more()
  }

test('a refusal without an end is told by its status', async () => {
  const server = await serve(endless(404))
  expect(await failure(client(server).request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({
    status: 404,
  })
})

test('a token without an end is refused', async () => {
  const tokens = await serve(endless(200))
  const challenge = { 'www-authenticate': `Bearer realm="${tokens.url}/token"` }
  const registry = await serve((_, response) => json(response, 401, {}, challenge))
  const http = client(registry, { as: alice })
  expect(await failure(http.request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({ code: 'credential' })
})

test('a token with a line break in it is sent nowhere', async () => {
  const tokens = await serve((_, response) => json(response, 200, { token: 'a\r\nx-injected: b' }))
  const challenge = { 'www-authenticate': `Bearer realm="${tokens.url}/token"` }
  const registry = await serve((_, response) => json(response, 401, {}, challenge))
  const error = await failure(client(registry).request({ method: 'GET', url: '/v2/' }, context()))
  expect(error).toBeInstanceOf(ReplicateError)
  for (const { headers } of registry.seen) expect(headers).not.toHaveProperty('x-injected')
})

test('a manifest without an end is refused, and so is a list of tags', async () => {
  const server = await serve(endless(200, 'application/vnd.oci.image.manifest.v1+json'))
  const { adapter, ctx } = connect(server.url)
  const store = adapter.repository('app')
  expect(await failure(store.readManifest('v1', ctx))).toMatchObject({
    message: expect.stringContaining('an answer of more than'),
  })
  expect(await failure(collect(store.tags(ctx)))).toMatchObject({
    message: expect.stringContaining('an answer of more than'),
  })
})
