/** Requests that no one would write: made of the document of the API, and each answer held against it. */

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { missingSchemathesis, schemathesis } from '../../support/schemathesis.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { type Served, served } from './served.ts'

/** For a long run; else a few cases of each operation. */
const SECONDS = process.env.SCHEMATHESIS_SECONDS
const MINUTE = 60_000
const LIMIT = (SECONDS === undefined ? 20 * MINUTE : 0) + Number(SECONDS ?? 0) * 3000

const NAMED = {
  '^/api/replication/executions/\\{id\\}': { id: 1, task: 1 },
  '^/api/replication/policies/\\{id\\}': { id: 'copy' },
  '^/api/replication/adapters/\\{identity\\}': { identity: 'harbor' },
  '^/api/registries/\\{id\\}': { id: 'from' },
}

async function ready(): Promise<Served> {
  const all = await served()
  // Something to read.
  expect((await all.user.run(['run', 'serve.yaml'])).code).toBe(0)
  expect((await all.ask('GET', '/replication/executions/1/tasks/1')).status).toBe(200)
  return all
}

/** The same server, whose streams of events end after a moment. */
async function impatient(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const server = createServer((incoming, answer) => {
    const { method, url: path, headers } = incoming
    const passed = request({ hostname, port, path, method, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers)
      given.pipe(answer)
      if (!given.headers['content-type']?.startsWith('text/event-stream')) return
      setTimeout(() => {
        given.unpipe(answer)
        answer.end(() => passed.destroy())
      }, 300)
    })
    passed.on('error', () => answer.destroy())
    incoming.pipe(passed)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`
}

test.skipIf(missingSchemathesis().length > 0)(
  'no request is answered with 500, or with what the document does not say',
  async () => {
    const { ask, token, daemon } = await ready()
    const { code, said } = await schemathesis({
      url: `${await impatient(daemon.url)}/api/openapi.json`,
      token,
      named: NAMED,
      // What is deleted could not be asked for.
      methods: { without: ['DELETE'] },
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
  LIMIT,
)

test.skipIf(missingSchemathesis().length > 0)(
  'what is deleted, whether it is there or not, is answered as the document says',
  async () => {
    const { token, daemon } = await ready()
    const { code, said } = await schemathesis({
      url: `${daemon.url}/api/openapi.json`,
      token,
      named: NAMED,
      methods: { only: ['DELETE'] },
      directory: temporaryDirectory(),
      cases: 10,
      seed: 1,
    })
    if (SECONDS !== undefined) process.stderr.write(said)
    expect(code, said).toBe(0)
  },
  LIMIT,
)
