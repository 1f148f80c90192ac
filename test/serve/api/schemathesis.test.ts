/** Requests that no one would write: made of the document of the API, and each answer held against it. */

import { expect, test } from 'vitest'
import { missingSchemathesis, schemathesis } from '../../support/schemathesis.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { served } from './served.ts'

/** For a long run; else a few cases of each operation. */
const SECONDS = process.env.SCHEMATHESIS_SECONDS
const MINUTE = 60_000

test.skipIf(missingSchemathesis().length > 0)(
  'no request is answered with 500, or with what the document does not say',
  async () => {
    const { ask, token, daemon, user } = await served()
    // Something to read.
    expect((await user.run(['run', 'serve.yaml'])).code).toBe(0)
    expect((await ask('GET', '/replication/executions/1/tasks/1')).status).toBe(200)
    const { code, said } = await schemathesis({
      url: `${daemon.url}/api/openapi.json`,
      token,
      named: {
        '^/api/replication/executions/\\{id\\}': { id: 1, task: 1 },
        '^/api/replication/policies/\\{id\\}': { id: 'copy' },
        '^/api/replication/adapters/\\{identity\\}': { identity: 'harbor' },
        '^/api/registries/\\{id\\}': { id: 'from' },
      },
      // What is deleted could not be asked for; the stream of events has no end.
      without: { methods: ['DELETE'], paths: ['/api/events'] },
      directory: temporaryDirectory(),
      cases: 5,
      seconds: SECONDS === undefined ? undefined : Number(SECONDS),
      seed: 1,
    })
    if (SECONDS !== undefined) process.stderr.write(said)
    expect(code, said).toBe(0)
    // Whatever was sent, what was there before still is.
    expect((await ask('GET', '/replication/policies/copy')).status).toBe(200)
    expect((await ask('GET', '/registries/from')).status).toBe(200)
  },
  (SECONDS === undefined ? 20 * MINUTE : 0) + Number(SECONDS ?? 0) * 3000,
)
