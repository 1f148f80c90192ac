/** A queue behind TLS: whom a run and its workers trust, and what they say of a server that they do not trust. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { policyBetween } from '../e2e/harness.ts'
import { program } from '../e2e/program.ts'
import { type Authority, authority } from '../support/authority.ts'
import { image } from '../support/images.ts'
import { hasRedis, type RealRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { place, redis, worker } from './workplace.ts'

/** PEM files of a certificate of the authority. */
function issued(by: Authority, name: string): { readonly cert: string; readonly key: string } {
  const folder = temporaryDirectory()
  const { cert, key } = by.issue(name)
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
  return files
}

async function secured(name = 'IP:127.0.0.1', clientAuthority?: string) {
  const own = authority('Queue CA')
  const server = issued(own, name)
  const queue = await redis({ tls: { ...server, ...(clientAuthority === undefined ? {} : { clientAuthority }) } })
  return { queue, ca: own.file }
}

/** What `run --workers` says of such a queue. */
async function refusal({ url }: Pick<RealRedis, 'url'>, more = '', env: Readonly<Record<string, string>> = {}) {
  const user = program()
  const policy = policyBetween('http://127.0.0.1:9', 'http://127.0.0.1:9')
  const file = user.write('policy.yaml', `${policy}\nworkers: { queue: "${url}"${more} }\n`)
  const run = await user.run(['run', '--workers', file], { env })
  const worker = await user.run(['worker', '--config', file], { env })
  expect([run.code, worker.code], `${run.stderr}${worker.stderr}`).toEqual([3, 3])
  expect(await user.executions()).toEqual([])
  return run.stderr.replaceAll(/\s+/g, ' ')
}

describe.skipIf(!hasRedis())('a queue with TLS', () => {
  test.each(['ca', 'SSL_CERT_FILE'])('is trusted by %s, and takes a run', async (how) => {
    const [{ queue, ca }, from, to] = [await secured(), await registry(), await registry()]
    for (const tag of ['1', '2', '3']) from.add('app', image({ seed: tag }), tag)
    const trust = how === 'ca' ? `, ca: "${ca}"` : ''
    const env: Readonly<Record<string, string>> = how === 'ca' ? {} : { SSL_CERT_FILE: ca }
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}"${trust} }\n`
    const one = await worker(yaml, { env })
    const ran = await place(env).run(yaml, { workers: true })
    expect(ran.execution, ran.logs.join('\n')).toMatchObject({ status: 'succeeded', succeed: 3 })
    expect(one.news.filter(({ type }) => type === 'task')).toHaveLength(3)
  })

  test('that wants a certificate of its clients gets one', async () => {
    const clients = authority('Clients CA')
    const { cert, key } = issued(clients, 'DNS:worker.example.com')
    const { queue, ca } = await secured('IP:127.0.0.1', clients.file)
    const [from, to] = [await registry(), await registry()]
    from.add('app', image({ seed: 1 }), 'v1')
    const own = `, ca: "${ca}"`
    const pair = `, client_cert: "${cert}", client_key: "${key}"`
    expect(await refusal(queue, own)).toContain('`client_cert:` and `client_key:` of `workers`')
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}"${own}${pair} }\n`
    await worker(yaml)
    expect((await place().run(yaml, { workers: true })).execution).toMatchObject({ status: 'succeeded', succeed: 1 })
  })

  test('is refused where its authority is unknown, or its certificate is for another host', async () => {
    const { queue } = await secured()
    expect(await refusal(queue)).toMatch(
      /queue at rediss:\/\/127\.0\.0\.1:\d+ cannot be used: certificate of an unknown authority.*as `ca:` to `workers`/,
    )
    const other = await secured('DNS:elsewhere.example.com')
    expect(await refusal(other.queue, `, ca: "${other.ca}"`)).toContain(
      'certificate for another host (elsewhere.example.com)',
    )
  })

  test('and one without: each is told from the other', async () => {
    const plain = await redis()
    expect(await refusal({ url: plain.url.replace('redis:', 'rediss:') })).toContain(
      'check that Redis speaks TLS there',
    )
    const web = await registry()
    expect(await refusal({ url: web.url.replace('http:', 'rediss:') })).toContain('its server does not speak TLS')
    const { queue } = await secured()
    expect(await refusal({ url: queue.url.replace('rediss:', 'redis:') })).toContain('`rediss://` where it speaks TLS')
  })

  test('whose files cannot be used: each is named', async () => {
    const user = program()
    const queue = 'workers: { queue: "rediss://127.0.0.1:1"'
    const cases: readonly (readonly [string, number, string])[] = [
      [', ca: ./missing.pem }', 2, 'workers: ca does not exist'],
      [', client_cert: ./one.pem }', 2, '`client_cert` needs `client_key` beside it'],
    ]
    for (const [more, code, text] of cases) {
      const file = user.write('config.yaml', `registries: {}\n${queue}${more}\n`)
      const said = await user.run(['worker', '--config', file])
      expect(said.code, said.stderr).toBe(code)
      expect(said.stderr.replaceAll(/\s+/g, ' ')).toContain(text)
    }
  })
})
