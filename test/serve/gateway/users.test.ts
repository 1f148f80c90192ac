/** Who may pull: without users this machine alone, with them those who sign in, each through the policies that are theirs. */

import { expect, test } from 'vitest'
import { image } from '../../support/images.ts'
import { bodyOf, policies, registry, startGateway } from './gateway.ts'

const SERVE = `  pull_users:
    - {name: ci, password: "\${CI_PASSWORD}"}
    - {name: other, password: "\${OTHER_PASSWORD}", policies: []}
`
const env = { CI_PASSWORD: 'right: and long', OTHER_PASSWORD: 'other' }

async function signedIn() {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  return startGateway(policies(source, destination), { serve: SERVE, env })
}

function basic(user: string, password: string): { readonly headers: { readonly authorization: string } } {
  return { headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } }
}

test('without a credential a client is told where tokens are given, and for what', async () => {
  const gateway = await signedIn()
  const refused = await gateway.get('team/app/manifests/1.0')
  expect([refused.status, refused.headers.get('www-authenticate'), await refused.json()]).toMatchObject([
    401,
    `Bearer realm="${gateway.url}/v2/token",service="replicate",scope="repository:team/app:pull"`,
    { errors: [{ code: 'UNAUTHORIZED' }] },
  ])
  expect((await gateway.get('')).status).toBe(401)
  const token = await gateway.get('token?service=replicate&scope=repository:team/app:pull')
  expect([token.status, await token.json()]).toMatchObject([
    401,
    { errors: [{ message: 'sign in as a user of `serve.pull_users`' }] },
  ])
})

test('no refresh token is given, also to a client that asks for one, so that it keeps its password', async () => {
  const gateway = await signedIn()
  // As `docker login` asks, and as it does with a form.
  const query = 'account=ci&client_id=docker&offline_token=true&service=replicate'
  const got = await gateway.get(`token?${query}`, basic('ci', env.CI_PASSWORD))
  const form = { grant_type: 'password', username: 'ci', password: env.CI_PASSWORD, access_type: 'offline' }
  const posted = await gateway.get('token', { method: 'POST', body: new URLSearchParams(form) })
  for (const answer of [got, posted]) {
    expect([answer.status, Object.keys((await answer.json()) as object).sort()]).toEqual([
      200,
      ['access_token', 'expires_in', 'issued_at', 'token'],
    ])
  }
})

test('a user pulls with a password, or with a token for that repository', async () => {
  const gateway = await signedIn()
  const mine = basic('ci', env.CI_PASSWORD)
  expect((await gateway.get('', mine)).status).toBe(200)
  expect((await gateway.get('team/app/manifests/1.0', mine)).status).toBe(200)
  const answer = await gateway.get('token?service=replicate&scope=repository:team/app:pull,push', mine)
  const { token } = (await answer.json()) as { token: string }
  const bearer = { headers: { authorization: `Bearer ${token}` } }
  expect((await gateway.get('team/app/manifests/1.0', bearer)).status).toBe(200)
  expect((await gateway.get('team/other/manifests/1.0', bearer)).status).toBe(401)
  const forged = { headers: { authorization: `Bearer A${token.slice(1)}` } }
  expect((await gateway.get('team/app/manifests/1.0', forged)).status).toBe(401)
})

test.each([
  ['another password', 'ci', 'wrong'],
  ['the password of another user', 'ci', env.OTHER_PASSWORD],
  ['a user that does not exist', 'nobody', ''],
  ['no name', '', env.CI_PASSWORD],
])('%s is refused', async (_, user, password) => {
  const gateway = await signedIn()
  expect((await gateway.get('team/app/manifests/1.0', basic(user, password))).status).toBe(401)
  expect((await gateway.get('token', basic(user, password))).status).toBe(401)
})

test('a user sees nothing of policies that are not theirs', async () => {
  const gateway = await signedIn()
  const refused = await gateway.get('team/app/manifests/1.0', basic('other', env.OTHER_PASSWORD))
  expect([refused.status, JSON.stringify(await refused.json())]).toEqual([404, expect.not.stringContaining('pulls')])
})

test('behind a proxy no one pulls without a user', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination), { serve: '  behind_proxy: true\n' })
  const refused = await gateway.get('team/app/manifests/1.0')
  expect([refused.status, (await bodyOf(refused)).toString()]).toEqual([403, expect.stringContaining('pull_users')])
})

test('a token is given for a password that comes in a form', async () => {
  const gateway = await signedIn()
  const ask = (form: Readonly<Record<string, string>>): Promise<Response> =>
    gateway.get('token', { method: 'POST', body: new URLSearchParams({ service: 'replicate', ...form }) })
  const scope = 'repository:team/app:pull'
  const mine = { grant_type: 'password', username: 'ci', password: env.CI_PASSWORD, scope }
  const { access_token } = (await (await ask(mine)).json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  expect((await gateway.get('team/app/manifests/1.0', { headers })).status).toBe(200)
  expect((await ask({ ...mine, password: 'wrong' })).status).toBe(401)
  expect((await ask({ grant_type: 'refresh_token', refresh_token: 'any' })).status).toBe(400)
  expect((await ask({ ...mine, padding: 'x'.repeat(20_000) })).status).toBe(413)
})

test('after ten wrong passwords an address waits, and only its tokens are good meanwhile', async () => {
  const gateway = await signedIn()
  const mine = basic('ci', env.CI_PASSWORD)
  const answer = await gateway.get('token?scope=repository:team/app:pull', mine)
  const { token } = (await answer.json()) as { token: string }
  for (let guess = 0; guess < 10; guess += 1) {
    const at = guess % 2 === 0 ? 'token' : 'team/app/manifests/1.0'
    expect((await gateway.get(at, basic('ci', `guess ${guess}`))).status).toBe(401)
  }
  for (const at of ['token', 'team/app/manifests/1.0']) {
    const refused = await gateway.get(at, mine)
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
  }
  const bearer = { headers: { authorization: `Bearer ${token}` } }
  expect((await gateway.get('team/app/manifests/1.0', bearer)).status).toBe(200)
})
