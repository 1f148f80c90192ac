/** What `POST /hooks/REGISTRY` takes, and how a delivery proves where it comes from. */

import { expect, test } from 'vitest'
import type { RegistryEvent } from '../../../src/core/adapter.ts'
import { AWS_SNS_CONFIRMATION, BODIES } from './bodies.ts'
import { basic, bearer, hmac, hooked, pushOf, SECRET } from './hooked.ts'

const encoded = encodeURIComponent(SECRET)

test('keeps what a delivery tells, then answers how much of it is new', async () => {
  const it = await hooked()
  expect(await it.post('/hooks/it', pushOf(), bearer())).toMatchObject({ status: 202, body: { events: 1 } })
  expect(it.taken).toMatchObject([{ action: 'push', repository: 'team/app', tag: 'v1', id: 'e1' }])
  await expect.poll(() => it.news).toContainEqual({ type: 'delivery', registry: 'it', status: 202, events: 1 })
})

test('a delivery that tells nothing a policy could be started by is taken, too', async () => {
  const it = await hooked()
  expect(await it.post('/hooks/it', { events: [] }, bearer())).toMatchObject({ status: 202, body: { events: 0 } })
})

test.each<readonly [string, string, Readonly<Record<string, string>>]>([
  ['a bearer token', '/hooks/it', bearer()],
  ['a bearer token, in lower case', '/hooks/it', { authorization: `bearer ${SECRET}` }],
  ['a password', '/hooks/it', basic()],
  ['the whole Authorization', '/hooks/it', { authorization: SECRET }],
  ['?token=', `/hooks/it?token=${encoded}`, {}],
  ['?secret=', `/hooks/it?secret=${encoded}`, {}],
  ['?token= as it is', `/hooks/it?token=${SECRET}`, {}],
])('takes the secret as %s', async (_way, path, headers) => {
  const it = await hooked()
  expect((await it.post(path, pushOf(), headers)).status).toBe(202)
})

test.each<readonly [string, string, Readonly<Record<string, string>>]>([
  ['nothing', '/hooks/it', {}],
  ['another token', '/hooks/it', bearer('wrong')],
  ['another password', '/hooks/it', basic('wrong')],
  ['a part of the secret', '/hooks/it', bearer(SECRET.slice(0, -1))],
  [
    'the secret as a user name',
    '/hooks/it',
    { authorization: `Basic ${Buffer.from(`${SECRET}:`).toString('base64')}` },
  ],
  ['an empty token', '/hooks/it?token=', {}],
  ['a header of another vendor', '/hooks/it', { 'x-jfrog-event-auth': SECRET }],
])('refuses %s', async (_way, path, headers) => {
  const it = await hooked()
  const refused = await it.post(path, pushOf(), headers)
  expect(refused).toMatchObject({ status: 401, body: { status: 401, title: 'Unauthorized' } })
  expect(refused.headers.get('www-authenticate')).toContain('Basic')
  expect(it.taken).toEqual([])
})

test('a registry without a secret takes nothing, unless it says that it needs none', async () => {
  const it = await hooked({ closed: { hook_secret: null }, open: { hook_secret: 'none' } })
  expect(await it.post('/hooks/closed', pushOf())).toMatchObject({
    status: 403,
    body: { detail: 'registry closed has no `hook_secret`', hint: expect.stringContaining('`hook_secret: none`') },
  })
  expect((await it.post('/hooks/open', pushOf())).status).toBe(202)
})

test.each(BODIES)('takes what %s sends', async (_vendor, { registry, body, headers, path, tells }) => {
  const it = await hooked({ it: registry })
  const text = JSON.stringify(body)
  expect(await it.post(path ?? '/hooks/it', text, headers(text))).toMatchObject({ status: 202, body: { events: 1 } })
  expect(it.taken).toMatchObject([tells])
})

test.each(['github-ghcr', 'jfrog-artifactory'])('a signature of %s is of the very bytes', async (type) => {
  const it = await hooked({ it: { type } })
  const [, { body }] = BODIES.find(([, { registry }]) => registry.type === type) ?? BODIES[0]
  const header = type === 'github-ghcr' ? 'x-hub-signature-256' : 'x-jfrog-event-auth'
  const text = JSON.stringify(body, undefined, 2)
  const post = (signature: string) => it.post('/hooks/it', text, { [header]: signature })
  expect((await post(`sha256=${hmac(text)}`)).status).toBe(202)
  expect((await post(hmac(text).toUpperCase())).status).toBe(202)
  expect((await post(`sha256=${hmac(JSON.stringify(body))}`)).status).toBe(401)
  expect((await post(`sha256=${hmac(text, 'wrong')}`)).status).toBe(401)
  expect((await post('sha256=')).status).toBe(401)
})

test('nothing but its signature proves a delivery of GitHub', async () => {
  const it = await hooked({ it: { type: 'github-ghcr' } })
  const [, { body }] = BODIES.find(([, { registry }]) => registry.type === 'github-ghcr') ?? BODIES[0]
  for (const headers of [bearer(), basic(), {}]) expect((await it.post('/hooks/it', body, headers)).status).toBe(401)
  expect((await it.post(`/hooks/it?token=${encoded}`, body)).status).toBe(401)
})

test('reads what GitHub sends as a form', async () => {
  const it = await hooked({ it: { type: 'github-ghcr' }, other: {} })
  const [, { body, tells }] = BODIES.find(([, { registry }]) => registry.type === 'github-ghcr') ?? BODIES[0]
  const form = new URLSearchParams({ payload: JSON.stringify(body) }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-hub-signature-256': `sha256=${hmac(form)}` }
  expect((await it.post('/hooks/it', form, headers)).status).toBe(202)
  expect(it.taken).toMatchObject([tells])
  const empty = 'other=1'
  const signed = { ...headers, 'x-hub-signature-256': `sha256=${hmac(empty)}` }
  expect((await it.post('/hooks/it', empty, signed)).status).toBe(400)
  expect((await it.post('/hooks/other', form, { ...headers, ...bearer() })).status).toBe(415)
})

test('a signed delivery that comes again under another name is known by what is signed', async () => {
  const it = await hooked({ it: { type: 'github-ghcr' } })
  const [, { body }] = BODIES.find(([, { registry }]) => registry.type === 'github-ghcr') ?? BODIES[0]
  const text = JSON.stringify(body)
  for (const id of ['d-1', 'd-2']) {
    await it.post('/hooks/it', text, { 'x-hub-signature-256': `sha256=${hmac(text)}`, 'x-github-delivery': id })
  }
  expect(new Set(it.taken.map(({ id }) => id)).size).toBe(1)
})

test('a delivery without a name has one by its content where that has a time, and else none', async () => {
  const it = await hooked({ harbor: { type: 'harbor' }, quay: { type: 'quay' } })
  const harbor = (time: number) => ({
    type: 'PUSH_ARTIFACT',
    occur_at: time,
    event_data: { resources: [{ tag: 'v1' }], repository: { repo_full_name: 'team/app' } },
  })
  for (const body of [harbor(1795240015), harbor(1795240015), harbor(1795240016)]) {
    await it.post('/hooks/harbor', body, bearer())
  }
  const [first, second, third] = it.taken.map(({ id }) => id)
  expect(first).toMatch(/^sha256:/)
  expect([second, third === first]).toEqual([first, false])
  await it.post('/hooks/quay', { repository: 'team/app', updated_tags: ['v1'] }, bearer())
  expect(it.taken[3]).toEqual({ action: 'push', repository: 'team/app', tag: 'v1' } satisfies RegistryEvent)
})

test('answers the handshakes of Event Grid, after the secret', async () => {
  const it = await hooked({ it: { type: 'azure-acr' } })
  const validation = [
    { id: '1', eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'c0de' } },
  ]
  expect(await it.post(`/hooks/it?token=${encoded}`, validation)).toMatchObject({
    status: 200,
    body: { validationResponse: 'c0de' },
  })
  expect((await it.post('/hooks/it', validation)).status).toBe(401)
  const asked = { 'webhook-request-origin': 'eventgrid.azure.net' }
  const greeted = await it.post(`/hooks/it?token=${encoded}`, '', asked, 'OPTIONS')
  expect([greeted.status, greeted.headers.get('webhook-allowed-origin')]).toEqual([200, 'eventgrid.azure.net'])
  expect((await it.post('/hooks/it', '', asked, 'OPTIONS')).status).toBe(401)
  expect(it.taken).toEqual([])
})

test('says where a subscription of SNS is confirmed, and follows no link', async () => {
  const it = await hooked({ it: { type: 'aws-ecr' } })
  const headers = { 'content-type': 'text/plain; charset=UTF-8' }
  const confirm = (url: string) =>
    it.post(`/hooks/it?token=${encoded}`, { ...AWS_SNS_CONFIRMATION, SubscribeURL: url }, headers)
  const link = AWS_SNS_CONFIRMATION.SubscribeURL
  expect((await confirm(link)).status).toBe(200)
  expect(it.news).toContainEqual({ type: 'log', level: 'warning', text: expect.stringContaining(`open ${link}`) })
  await confirm('http://169.254.169.254/latest')
  expect(JSON.stringify(it.news)).not.toContain('169.254')
})
