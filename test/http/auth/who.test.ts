/** Who may not do what. */

import { expect, test } from 'vitest'
import { deedOf, whoSigns } from '../../../src/http/auth/who.ts'

test.each([
  ['credential in the configuration', 'robot (from the configuration)'],
  ['credential in the configuration (password_file /run/pw)', 'robot (from the configuration, password_file /run/pw)'],
  ['environment (REPLICATE_HUB_USERNAME)', 'robot (from environment, REPLICATE_HUB_USERNAME)'],
  ['keychain', 'robot (from keychain)'],
])('a credential from %s is told by its user', (origin, told) => {
  expect(whoSigns({ kind: 'basic', username: 'robot', password: 's3cret', origin })).toBe(told)
})

test('a token is never told', () => {
  expect(whoSigns({ kind: 'bearer', token: 's3cret', origin: 'keychain' })).toBe('the token (from keychain)')
})

test.each([
  [['repository:redis:pull,push'], 'push to hub/redis'],
  [['repository:team/app:pull'], 'pull from hub/team/app'],
  [['repository:other:pull', 'repository:redis:pull,push'], 'push to hub/redis'],
  [['repository:redis:delete'], 'delete from hub/redis'],
  [['registry:catalog:*'], 'list the repositories of hub'],
  [['something'], undefined],
  [[], undefined],
])('of the scopes %j it is told what was refused', (scopes, deed) => {
  expect(deedOf(scopes, 'hub')).toBe(deed)
})
