/** A credential that its owner changes while the program runs. */

import { expect, test } from 'vitest'
import type { SentCredential } from '../../../src/core/registry.ts'
import { createAuthenticator } from '../../../src/http/auth/auth.ts'
import { context, fastClock } from '../server.ts'

const basic = (password: string): SentCredential => ({ kind: 'basic', username: 'alice', password, origin: 'here' })
const header = (password: string): string => `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`

/** `refused` tells how often it was looked for after a refusal. */
function rotating() {
  const scene = { current: basic('old'), refused: 0, revoked: 'nothing' }
  const auth = createAuthenticator({
    url: 'https://registry.example.com',
    name: 'hub',
    credential: async (anew) => {
      if (anew) scene.refused += 1
      return scene.current
    },
    fetchToken: async () => ({ token: 'token', expiresIn: undefined }),
    secrets: () => {},
    clock: fastClock(),
  })
  const refused = (password: string) => ({
    scopes: [],
    sent: header(password),
    challenge: 'Basic realm="x"',
    what: 'GET /v2/',
  })
  return { scene, auth, refused }
}

test('is looked for again when it is refused, and what is found then counts', async () => {
  const { scene, auth, refused } = rotating()
  await auth.renew({ ...refused('old'), sent: undefined }, context())
  expect((await auth.authorization([], context()))?.value).toBe(header('old'))
  scene.current = basic('new')
  await auth.renew(refused('old'), context())
  expect((await auth.authorization([], context()))?.value).toBe(header('new'))
  // Another request that was signed before is not told that it was wrong.
  await auth.renew(refused('old'), context())
  expect(scene.refused).toBe(1)
})

test('that is the same still is refused for good', async () => {
  const { scene, auth, refused } = rotating()
  await auth.renew({ ...refused('old'), sent: undefined }, context())
  await expect(auth.renew(refused('old'), context())).rejects.toThrow('refused alice')
  expect(scene.refused).toBe(1)
})
