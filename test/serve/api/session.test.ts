/** The page's session, wrong tokens, and requests that a browser could be made to send. */

import { expect, test } from 'vitest'
import { startApi } from '../../../src/serve/api/api.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { daemonDouble } from '../daemon-double.ts'

const TOKENS = { ANN_TOKEN: 'a-token-for-ann-of-the-admins', EVE_TOKEN: 'a-token-for-eve-who-looks' }
const yaml = (more = ''): string => `
serve:
  tokens:
    - { name: ann, token: "\${ANN_TOKEN}", role: admin }
    - { name: eve, token: "\${EVE_TOKEN}", role: viewer }
${more}`

const PAGE = { 'x-replicate-page': '1' }

async function api(more?: string) {
  const clock = manualClock()
  const daemon = await daemonDouble(yaml(more), {}, TOKENS, clock)
  await startApi(daemon)
  async function ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    headers = {},
    payload?: object,
    from = '127.0.0.1',
  ) {
    const given = payload === undefined ? {} : { payload }
    const answer = await daemon.http.inject({ method, url: `/api${url}`, headers, remoteAddress: from, ...given })
    return { status: answer.statusCode, headers: answer.headers, body: answer.body === '' ? undefined : answer.json() }
  }
  const signIn = (token: string, from?: string) => ask('POST', '/session', PAGE, { token }, from)
  return { ask, signIn, clock, daemon }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('a token is exchanged for a cookie that scripts cannot read, which lasts twelve hours', async () => {
  const { ask, signIn, clock, daemon } = await api()
  const signed = await signIn(TOKENS.ANN_TOKEN)
  expect(signed).toMatchObject({ status: 200, body: { name: 'ann', role: 'admin' } })
  const set = String(signed.headers['set-cookie'])
  expect(set).toMatch(/; Path=\/;.*; HttpOnly; SameSite=Strict$/)
  expect(set).not.toContain(TOKENS.ANN_TOKEN)
  const cookie = set.split(';')[0] ?? ''
  expect(await ask('GET', '/session', { cookie })).toMatchObject({ status: 200, body: { name: 'ann' } })
  // Whoever changes its words is no one.
  const [name = '', ...rest] = cookie.split('=')[1]?.split('.') ?? []
  const other = [Buffer.from('eve').toString('base64url'), ...rest].join('.')
  expect(name).toBe(Buffer.from('ann').toString('base64url'))
  for (const forged of [other, `${name}.${rest[0]}0.${rest[1]}`, '', '..', 'x'.repeat(5000)]) {
    expect((await ask('GET', '/session', { cookie: `replicate_session=${forged}` })).status, forged).toBe(401)
  }
  await clock.advance(12 * 60 * 60 * 1000 - 1)
  expect((await ask('GET', '/session', { cookie })).status).toBe(200)
  await clock.advance(1)
  expect(await ask('GET', '/session', { cookie })).toMatchObject({
    status: 401,
    body: { message: 'the session has ended' },
  })
  // Another token of that name ends all sessions of the one before.
  const again = String((await signIn(TOKENS.ANN_TOKEN)).headers['set-cookie']).split(';')[0] ?? ''
  await daemon.reload(yaml().replaceAll('ANN_TOKEN', 'EVE_TOKEN').replace('name: eve', 'name: bob'))
  expect((await ask('GET', '/session', { cookie: again })).status).toBe(401)
})

test('behind a proxy that ends TLS the cookie goes over TLS only', async () => {
  const { signIn } = await api('  behind_proxy: true\n')
  expect(String((await signIn(TOKENS.ANN_TOKEN)).headers['set-cookie'])).toMatch(/; Secure/)
})

test("a cookie alone changes nothing: other sites' pages can send it, and not the page's own header", async () => {
  const { ask, signIn } = await api()
  expect((await ask('POST', '/session', {}, { token: TOKENS.ANN_TOKEN })).status).toBe(403)
  const cookie = String((await signIn(TOKENS.ANN_TOKEN)).headers['set-cookie']).split(';')[0] ?? ''
  for (const [method, url, body] of [
    ['POST', '/replication/executions', { policy_id: 'nothing' }],
    ['PUT', '/replication/executions/1', { operation: 'stop' }],
    ['DELETE', '/replication/policies/nothing', undefined],
    ['DELETE', '/session', undefined],
  ] as const) {
    expect(await ask(method, url, { cookie }, body), url).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect((await ask(method, url, { cookie, ...PAGE }, body)).status, url).not.toBe(403)
  }
})

test('ten wrong tokens a minute come from an address; then it waits, whatever it sends, and others do not', async () => {
  const { ask, signIn, clock } = await api()
  const wrong = 'x'.repeat(24)
  for (let at = 0; at < 5; at += 1) {
    expect((await ask('GET', '/session', bearer(wrong))).status).toBe(401)
    expect((await signIn(wrong)).status).toBe(401)
  }
  for (const token of [wrong, TOKENS.ANN_TOKEN]) {
    const answer = await ask('GET', '/session', bearer(token))
    expect(answer).toMatchObject({ status: 429, body: { code: 'too_many_guesses' } })
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  }
  expect((await signIn(TOKENS.ANN_TOKEN)).status).toBe(429)
  expect((await ask('GET', '/session', bearer(TOKENS.ANN_TOKEN), undefined, '192.0.2.7')).status).toBe(200)
  await clock.advance(60_000)
  expect((await ask('GET', '/session', bearer(TOKENS.ANN_TOKEN))).status).toBe(200)
})
