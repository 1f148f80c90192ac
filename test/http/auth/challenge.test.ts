/** Challenges as real servers send them. */

import { expect, test } from 'vitest'
import { chooseChallenge, parseChallenges } from '../../../src/http/auth/challenge.ts'

test.each<[string, unknown]>([
  ['Basic realm="Harbor"', [{ scheme: 'basic', parameters: { realm: 'Harbor' } }]],
  [
    'BEARER Realm = "https://a/t?x=1,2",service="a \\"b\\"", scope="repository:a:pull,push"',
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://a/t?x=1,2', service: 'a "b"', scope: 'repository:a:pull,push' },
      },
    ],
  ],
  [
    'Negotiate abc==, Basic realm=x , Bearer realm=https://a/t,service=b',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'x' } },
      { scheme: 'bearer', parameters: { realm: 'https://a/t', service: 'b' } },
    ],
  ],
  ['Basic', [{ scheme: 'basic', parameters: {} }]],
  ['Bearer realm="unfinished', [{ scheme: 'bearer', parameters: { realm: 'unfinished' } }]],
  ['', []],
  ['"", =, ;', []],
])('reads %s', (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges)
})

test('prefers Bearer, then Basic, and knows no other', () => {
  expect(chooseChallenge('Basic realm=x, Bearer realm="https://a"')?.scheme).toBe('bearer')
  expect(chooseChallenge('Bearer service=x, Basic realm=x')?.scheme).toBe('basic')
  expect(chooseChallenge('Negotiate')).toBeUndefined()
  expect(chooseChallenge(undefined)).toBeUndefined()
})
