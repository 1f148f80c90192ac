/** Logins for a part of a registry only. */

import { expect, test } from 'vitest'
import type { PartCredential } from '../../../src/core/registry.ts'
import { alice, client, context, failure, json, type Seen, serve } from '../server.ts'

function part(prefix: string, username: string): PartCredential {
  return { prefix, credential: { kind: 'basic', username, password: 'pass', origin: `the login for ${prefix}` } }
}

const PARTS = [part('team/app', 'app'), part('team', 'team')]

function user({ headers }: Pick<Seen, 'headers'>): string {
  const [, encoded = ''] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? []
  return Buffer.from(encoded, 'base64').toString().split(':')[0] ?? ''
}

const scopesOf = (repository: string) => [`repository:${repository}:pull`]

test('each repository is signed by the login that is closest to it', async () => {
  const server = await serve((request, response) =>
    request.headers.authorization === undefined
      ? json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
      : json(response, 200, {}),
  )
  const http = client(server, { as: alice, parts: async () => PARTS })
  const asked = ['team/app', 'team/app/deep', 'team/apple', 'team', 'teams/app', 'other']
  for (const name of asked) {
    await http.request({ method: 'GET', url: `/v2/${name}/tags/list`, scopes: scopesOf(name) }, context())
  }
  await http.request({ method: 'GET', url: '/v2/_catalog' }, context())
  const signed = server.seen.filter(({ headers }) => headers.authorization !== undefined)
  expect(signed.map((one) => [one.url.replace(/^.v2.|.tags.list$/g, ''), user(one)])).toEqual([
    ['team/app', 'app'],
    ['team/app/deep', 'app'],
    ['team/apple', 'team'],
    ['team', 'team'],
    ['teams/app', 'alice'],
    ['other', 'alice'],
    ['_catalog', 'alice'],
  ])
})

test('without a login for all of it, what is for no repository is signed by a part', async () => {
  const server = await serve((request, response) =>
    request.headers.authorization === undefined
      ? json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
      : json(response, 200, {}),
  )
  const http = client(server, { parts: async () => PARTS })
  await http.request({ method: 'GET', url: '/v2/' }, context())
  expect(server.seen.map(user)).toEqual(['', 'app'])
  expect(
    await failure(http.request({ method: 'GET', url: '/v2/other/tags/list', scopes: scopesOf('other') }, context())),
  ).toMatchObject({ message: expect.stringContaining('needs a credential for repository:other:pull') })
})

test('tokens of two logins are kept apart, and a refusal names the login', async () => {
  const server = await serve((request, response) => {
    if (request.url?.startsWith('/token')) {
      return json(response, 200, { token: `of-${user({ headers: request.headers })}` })
    }
    const token = request.headers.authorization?.replace('Bearer ', '')
    const realm = `Bearer realm="http://${request.headers.host}/token",service="x"`
    if (token === undefined) return json(response, 401, {}, { 'www-authenticate': realm })
    const allowed = request.url?.includes('/app/') ? token === 'of-app' : token === 'of-alice'
    return allowed ? json(response, 200, {}) : json(response, 403, {})
  })
  const http = client(server, { as: alice, parts: async () => [part('team', 'team'), part('app', 'app')] })
  for (const name of ['app', 'other', 'app']) {
    await http.request({ method: 'GET', url: `/v2/${name}/tags/list`, scopes: scopesOf(name) }, context())
  }
  expect(
    await failure(http.request({ method: 'GET', url: '/v2/team/tags/list', scopes: scopesOf('team') }, context())),
  ).toMatchObject({ status: 403, hint: expect.stringContaining('the login for team') })
})

test('a failure to find the parts is not kept', async () => {
  const server = await serve((_, response) => json(response, 200, {}))
  let count = 0
  const parts = async () => {
    count += 1
    if (count === 1) throw new Error('broken')
    return PARTS
  }
  const http = client(server, { as: alice, parts })
  const ask = () => http.request({ method: 'GET', url: '/v2/' }, context())
  expect(await failure(ask())).toMatchObject({ message: 'broken' })
  expect((await ask()).status).toBe(200)
})
