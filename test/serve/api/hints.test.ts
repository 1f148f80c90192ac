/** What to do next, for those who have no shell beside the daemon. */

import { expect, test } from 'vitest'
import { HistoryError, LockedError } from '../../../src/core/errors.ts'
import { hintOverHttp } from '../../../src/serve/api/hints.ts'
import { ofProgram } from '../../../src/serve/api/problem.ts'
import { served } from './served.ts'

test.each([
  ['`replicate executions list` shows them', '`GET /api/replication/executions` shows them'],
  ['replace it: replicate credentials set hub', 'replace it: PUT /api/registries/hub with its `credential`'],
  [
    'wait for it with --wait, watch it with `replicate executions watch 7`, or end it with `replicate executions stop 7`',
    'watch it with `GET /api/replication/executions/7`, or end it with `PUT /api/replication/executions/7 {"operation": "stop"}`',
  ],
  [
    'make the plan again with `replicate plan --out`',
    'make the plan again with `POST /api/replication/policies/preview?plan=true`',
  ],
  ['the history is empty: replicate run policy.yaml', 'the history is empty: POST /api/replication/executions'],
  ['run the command again', 'send the request again'],
  ['enable it first', 'enable it first'],
])('the hint "%s" is said as a request', (hint, request) => {
  expect(hintOverHttp(hint)).toBe(request)
  expect(ofProgram(new LockedError('it is locked', { hint })).hint).toBe(request)
  expect(ofProgram(new HistoryError('it is missing', { hint, missing: true })).hint).toBe(request)
})

test('an unknown execution is answered with where the others are', async () => {
  const { ask } = await served()
  const { body } = await ask('GET', '/replication/executions/9')
  expect(body.hint).toBe('`GET /api/replication/executions` shows them')
})
