/** Deliveries of Pub/Sub that Google signs: no secret is needed then, and no other proof is taken. */

import { createSign, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { listener } from '../../support/listener.ts'
import { BODIES } from './bodies.ts'
import { bearer, hooked, SECRET } from './hooked.ts'

const AUDIENCE = 'https://replicate.example.com/hooks/it'
const ACCOUNT = 'pusher@proj.iam.gserviceaccount.com'
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const [, { body, tells }] = BODIES.find(([vendor]) => vendor === 'Pub/Sub') ?? BODIES[0]

function token(age = 0): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000) - age
  const claims = { iss: 'https://accounts.google.com', aud: AUDIENCE, email: ACCOUNT, email_verified: true }
  const signed = `${part({ alg: 'RS256', kid: 'k1' })}.${part({ ...claims, iat: now, exp: now + 3600 })}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
}

async function pushed(options: Readonly<Record<string, string>>, secret: null | undefined = null) {
  const keys = JSON.stringify({ k1: publicKey.export({ type: 'spki', format: 'pem' }) })
  const answer = { status: 200, headers: { 'content-type': 'application/json' }, body: keys }
  const { url, heard } = await listener({ answer: () => answer })
  const given = { hook_service_account: ACCOUNT, hook_audience: AUDIENCE, keys_url: url, ...options }
  const registry = { type: 'google-gar', options: given, ...(secret === null ? { hook_secret: null } : {}) }
  return { ...(await hooked({ it: registry })), asked: () => heard.length }
}

test('takes what the named account signed, and refuses an old signature that is sent again', async () => {
  const it = await pushed({})
  expect((await it.post('/hooks/it', body, bearer(token()))).status).toBe(202)
  expect(it.taken).toMatchObject([tells])
  expect(await it.post('/hooks/it', body, bearer(token(2 * 3600)))).toMatchObject({
    status: 401,
    body: { detail: expect.stringContaining('it has expired') },
  })
  expect((await it.post('/hooks/it', body)).status).toBe(401)
  expect(it.taken).toHaveLength(1)
  expect(it.asked()).toBe(1)
})

test('a secret does not do instead', async () => {
  const it = await pushed({}, undefined)
  expect((await it.post('/hooks/it', body, bearer())).status).toBe(401)
  expect((await it.post(`/hooks/it?token=${encodeURIComponent(SECRET)}`, body)).status).toBe(401)
})

test('asks to be sent it again where the keys cannot be had, and counts that as no guess', async () => {
  const it = await pushed({ keys_url: 'http://127.0.0.1:9/certs' })
  for (let n = 0; n < 11; n += 1) expect((await it.post('/hooks/it', body, bearer(token()))).status).toBe(503)
})

test('says what is missing in the configuration', async () => {
  const it = await hooked({ it: { type: 'google-gar', options: { hook_service_account: ACCOUNT }, hook_secret: null } })
  expect(await it.post('/hooks/it', body, bearer(token()))).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('hook_audience') },
  })
})
