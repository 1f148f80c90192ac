/** The token that Pub/Sub signs its deliveries with, against keys of our own. */

import { createSign, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Registry } from '../../src/core/registry.ts'
import { connect } from '../contract/opened.ts'
import { listener } from '../support/listener.ts'

const AUDIENCE = 'https://replicate.example.com/hooks/gar'
const ACCOUNT = 'pusher@proj.iam.gserviceaccount.com'
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const others = generateKeyPairSync('rsa', { modulusLength: 2048 })
const now = (): number => Math.floor(Date.now() / 1000)

function signed(
  claims: Readonly<Record<string, unknown>> = {},
  change: { kid?: string; key?: typeof keys } = {},
): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = part({ alg: 'RS256', typ: 'JWT', kid: change.kid ?? 'k1' })
  const told = { iss: 'https://accounts.google.com', aud: AUDIENCE, email: ACCOUNT, email_verified: true }
  const body = part({ ...told, iat: now() - 10, exp: now() + 3500, ...claims })
  const signature = createSign('RSA-SHA256')
    .update(`${head}.${body}`)
    .sign((change.key ?? keys).privateKey, 'base64url')
  return `${head}.${body}.${signature}`
}

async function pushed(options: Registry['options'] = {}) {
  const body = JSON.stringify({ k1: keys.publicKey.export({ type: 'spki', format: 'pem' }) })
  const { url, heard } = await listener({
    answer: () => ({ status: 200, headers: { 'content-type': 'application/json' }, body }),
  })
  const { endpoint, ctx } = await connect({
    registry: {
      name: 'it',
      type: 'google-gar',
      url: 'https://europe-docker.pkg.dev',
      options: { hook_service_account: ACCOUNT, hook_audience: AUDIENCE, keys_url: `${url}/certs`, ...options },
    },
    env: {},
  })
  return {
    asked: () => heard.length,
    verify: async (authorization?: string) =>
      endpoint.adapter.verifyDelivery?.(authorization === undefined ? {} : { authorization }, ctx),
  }
}

test('takes a token that Google signed for this hook and this account, and asks for the keys once', async () => {
  const it = await pushed()
  await it.verify(`Bearer ${signed()}`)
  await it.verify(`bearer ${signed()}`)
  expect(it.asked()).toBe(1)
})

test.each([
  ['has expired', { iat: now() - 9000, exp: now() - 5400 }, {}],
  ['another audience', { aud: 'https://other.example.com' }, {}],
  ['Google did not issue it', { iss: 'https://issuer.example.com' }, {}],
  ['not of the service account', { email: 'somebody@example.com' }, {}],
  ['refused', { email_verified: false }, {}],
  ['Google did not sign it', {}, { key: others }],
  ['Google did not sign it', {}, { kid: 'k2' }],
  ['times are wrong', { iat: now(), exp: now() + 10 * 86_400 }, {}],
])('refuses one: %s', async (why, claims, change) => {
  const it = await pushed()
  const token = signed(claims, change)
  const refusal = it.verify(`Bearer ${token}`)
  await expect(refusal).rejects.toMatchObject({ code: 'credential', message: expect.stringContaining(why) })
  const error: unknown = await refusal.catch((cause: unknown) => cause)
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(token.split('.')[1])
})

test.each([
  undefined,
  'Basic eDp5',
  'Bearer not-a-token',
  `Bearer ${'a'.repeat(10_000)}`,
  `Bearer ${Buffer.from('null').toString('base64url')}.${Buffer.from('null').toString('base64url')}.x`,
  `Bearer ${Buffer.from('{"alg":"none","kid":"k1"}').toString('base64url')}.${Buffer.from(`{"email":"${ACCOUNT}","email_verified":true}`).toString('base64url')}.`,
])('refuses what is no token: %s', async (authorization) => {
  await expect((await pushed()).verify(authorization)).rejects.toMatchObject({ code: 'credential' })
})

test('strangers do not make it ask for keys over and over', async () => {
  const it = await pushed()
  for (let n = 0; n < 20; n += 1) await it.verify(`Bearer ${signed({}, { kid: `k${n + 2}` })}`).catch(() => undefined)
  expect(it.asked()).toBe(1)
})

test('asks again after it could not be told the keys', async () => {
  const it = await pushed({ keys_url: 'http://127.0.0.1:9/certs' })
  await expect(it.verify(`Bearer ${signed()}`)).rejects.toMatchObject({ code: 'network' })
})

test('says that an audience is needed, and checks nothing where no account is named', async () => {
  const without = await connect({
    registry: {
      name: 'it',
      type: 'google-gar',
      url: 'https://europe-docker.pkg.dev',
      options: { hook_service_account: ACCOUNT },
    },
    env: {},
  })
  await expect(without.endpoint.adapter.verifyDelivery?.({}, without.ctx)).rejects.toThrow('hook_audience')
  const { endpoint } = await connect({
    registry: { name: 'it', type: 'google-gar', url: 'https://europe-docker.pkg.dev' },
    env: {},
  })
  expect(endpoint.adapter.verifyDelivery).toBeUndefined()
})
