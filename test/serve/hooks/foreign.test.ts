/** An adapter from outside this program that reads webhooks in its own way. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../../support/temporary.ts'
import { hooked, SECRET } from './hooked.ts'

const ADAPTER = `
export const adapter = ({ ociRegistry, malformedDelivery, CredentialError, z }) => {
  const BODY = z.object({ what: z.string(), image: z.string(), label: z.string() })
  return {
    identity: 'acme',
    name: 'Acme',
    description: 'the registry of Acme',
    resources: ['image'],
    filters: ['name', 'tag'],
    listing: 'tag lists',
    credentials: ['basic'],
    quirks: [],
    options: [{ name: 'signer', description: 'Who signs', type: 'text' }],
    hooks: { events: ['push'], setup: 'in its settings', header: 'x-acme-secret', verifiedBy: 'signer' },
    parseEvents({ headers, body }) {
      const parsed = BODY.safeParse(body)
      if (!parsed.success) throw malformedDelivery('Acme', parsed.error)
      const { image: repository, label: tag } = parsed.data
      return [{ action: 'push', repository, tag, id: headers['x-acme-id'] }]
    },
    greetHook: ({ body }) => (body?.what === 'hello' ? { answer: { hello: 'acme' } } : undefined),
    open: (registry, tools) => ({
      ...ociRegistry(registry, tools),
      async verifyDelivery({ 'x-acme-signer': signer }) {
        if (signer !== registry.options.signer) throw new CredentialError('it is not from ' + registry.options.signer)
      },
    }),
  }
}
`

test('proves, greets and reads deliveries as it says', async () => {
  const file = join(temporaryDirectory(), 'acme.js')
  writeFileSync(file, ADAPTER)
  const it = await hooked({
    plain: { type: file },
    signed: { type: file, hook_secret: null, options: { signer: 'bob' } },
  })
  const body = { what: 'pushed', image: 'team/app', label: 'v1' }
  const sent = { 'x-acme-id': 'a1' }
  expect((await it.post('/hooks/plain', body, { ...sent, 'x-acme-secret': 'wrong' })).status).toBe(401)
  expect((await it.post('/hooks/plain', body, { ...sent, 'x-acme-secret': SECRET })).status).toBe(202)
  expect(await it.post('/hooks/signed', body, { ...sent, 'x-acme-signer': 'eve' })).toMatchObject({
    status: 401,
    body: { detail: 'it is not from bob' },
  })
  expect((await it.post('/hooks/signed', body, { ...sent, 'x-acme-signer': 'bob' })).status).toBe(202)
  expect(it.taken).toEqual(Array(2).fill({ action: 'push', repository: 'team/app', tag: 'v1', id: 'a1' }))
  expect(await it.post('/hooks/signed', { what: 'hello' }, { 'x-acme-signer': 'bob' })).toMatchObject({
    status: 200,
    body: { hello: 'acme' },
  })
  expect(await it.post('/hooks/signed', { what: 'pushed' }, { 'x-acme-signer': 'bob' })).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('not a webhook of Acme: image') },
  })
})

test('a bug of its own is an answer and a line in the log, and no more', async () => {
  const file = join(temporaryDirectory(), 'acme.js')
  writeFileSync(file, ADAPTER.replace('const parsed =', 'body.nothing.there; const parsed ='))
  const it = await hooked({ plain: { type: file } })
  expect((await it.post('/hooks/plain', {}, { 'x-acme-secret': SECRET })).status).toBe(500)
  expect(it.news).toContainEqual(expect.objectContaining({ type: 'log', level: 'error' }))
})
