/** What clients should not send to the API: each is refused quickly, as a problem, and harms no one else. */

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { startApi } from '../../../src/serve/api/api.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'
import { apiDocument, operationsOf } from './document.ts'

interface Raw {
  readonly daemon: DaemonDouble
  readonly token: string
  readonly port: number
  /** All that is answered to these bytes, until the connection ends. */
  send(...lines: readonly string[]): Promise<string>
}

async function raw(): Promise<Raw> {
  const daemon = await daemonDouble('policies: {}')
  await startApi(daemon)
  const token = readFileSync(join(dirname(daemon.history.file), 'api-token'), 'utf8').trim()
  const { port } = new URL(await daemon.http.listen({ host: '127.0.0.1', port: 0 }))
  return {
    daemon,
    token,
    port: Number(port),
    async send(...lines) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.write(lines.join('\r\n'))
      let heard = ''
      for await (const chunk of socket) heard += String(chunk)
      return heard
    },
  }
}

/** Of an answer its status, its content type, and its body. */
function parsed(answer: string): { readonly status: number; readonly type: string; readonly body: string } {
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  const type = /^content-type: ([^;\r\n]*)/im.exec(head)?.[1] ?? ''
  return { status: Number(head.split(' ')[1]), type, body: rest.join('\r\n\r\n') }
}

const PROBLEM = 'application/problem+json'

async function posted(daemon: DaemonDouble, token: string, path: string, payload: string, type = 'application/json') {
  const headers = { authorization: `Bearer ${token}`, 'content-type': type }
  const answer = await daemon.http.inject({ method: 'POST', url: `/api${path}`, headers, payload })
  return { status: answer.statusCode, type: String(answer.headers['content-type']).split(';')[0], text: answer.body }
}

test('a body past 1 MiB is refused before it was sent, also by who has no token', async () => {
  const { send, token } = await raw()
  const head = ['POST /api/replication/executions HTTP/1.1', 'host: x', 'content-type: application/json']
  const long = ['content-length: 99999999', '', '{']
  const answer = parsed(await send(...head, `authorization: Bearer ${token}`, ...long))
  expect(answer).toMatchObject({ status: 413, type: PROBLEM })
  expect(parsed(await send(...head, 'connection: close', ...long)).status).toBe(401)
})

test('bodies that are no JSON, deep, of wrong types or with names of prototypes are refused as problems', async () => {
  const { daemon, token } = await raw()
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const bodies = [
    '',
    '{',
    '[]',
    'null',
    '7',
    '"text"',
    '{"policy_id": 7}',
    '{"policy_id": null}',
    '{"policy_id": {"toString": 1}}',
    '{"__proto__": {"policy_id": "a"}}',
    '{"constructor": {"prototype": {"policy_id": "a"}}}',
    `{"policy_id": "${'x'.repeat(100_000)}"}`,
    `{"policy_id": ${deep}}`,
    deep,
    '\u0000',
  ]
  for (const { method, path } of operationsOf(await apiDocument())) {
    if (method !== 'POST') continue
    for (const body of bodies) {
      const url = path.slice('/api'.length).replaceAll(/\{\w+\}/g, '999')
      const answer = await posted(daemon, token, url, body)
      const what = `POST ${url} ${body.slice(0, 60)}`
      expect(answer.status, what).toBeGreaterThanOrEqual(400)
      expect(answer.status, what).toBeLessThan(500)
      expect(answer.type, what).toBe(PROBLEM)
    }
  }
  const text = await posted(daemon, token, '/replication/executions', 'policy_id=a', 'text/csv')
  expect(text).toMatchObject({ status: 415, type: PROBLEM })
  expect(Object.hasOwn(Object.prototype, 'policy_id')).toBe(false)
})

test('queries with anything in them are answered or refused, and no page is larger than may be', async () => {
  const { daemon, token } = await raw()
  const values = [
    '-1',
    '0',
    '1e99',
    '99999999999999999999',
    'NaN',
    '__proto__',
    '%00',
    '%F0%9F%98%80',
    "' OR 1=1 --",
    '',
  ]
  for (const { method, path, parameters } of operationsOf(await apiDocument())) {
    if (method !== 'GET' || path.endsWith('/events')) continue
    const url = path.replaceAll(/\{\w+\}/g, '999')
    for (const { name } of parameters.filter((one) => one.in === 'query' && one.name !== 'follow')) {
      for (const value of values) {
        const headers = { authorization: `Bearer ${token}` }
        const answer = await daemon.http.inject({ url: `${url}?${name}=${value}`, headers })
        expect(answer.statusCode, `${url}?${name}=${value}`).toBeLessThan(500)
      }
    }
  }
})

test('a path that cannot be decoded, or that is longer than any name, is refused as a problem', async () => {
  const { send, token } = await raw()
  const head = [`authorization: Bearer ${token}`, 'host: x', 'connection: close', '', '']
  expect(parsed(await send('GET /api/replication/executions/%ZZ HTTP/1.1', ...head))).toMatchObject({
    status: 400,
    type: PROBLEM,
  })
  const long = await send(`GET /api/replication/executions/${'1'.repeat(5000)} HTTP/1.1`, ...head)
  expect(parsed(long)).toMatchObject({ status: 400, type: PROBLEM })
  expect(parsed(await send('GET /nothing/%ZZ HTTP/1.1', ...head))).toMatchObject({
    status: 400,
    type: 'application/json',
  })
})

test('a method that a path does not have is refused with those that it has', async () => {
  const { daemon } = await raw()
  const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const
  const operations = operationsOf(await apiDocument())
  for (const { path } of operations) {
    const url = path.replaceAll(/\{\w+\}/g, '999')
    const answers = await Promise.all(methods.map((method) => daemon.http.inject({ method, url })))
    const refused = answers.filter(({ statusCode }) => statusCode === 405)
    expect(refused.length, url).toBeGreaterThan(0)
    for (const { headers, json } of refused) {
      const known = operations.filter((one) => one.path === path).map(({ method }) => method)
      expect(String(headers.allow).split(', '), url).toEqual(expect.arrayContaining(known))
      expect(json()).toMatchObject({ status: 405, code: 'method_not_allowed' })
    }
  }
})

test('who sends slowly holds up no one else', async () => {
  const { port, daemon, token } = await raw()
  const slow = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'))
  for (const socket of slow) {
    socket.on('error', () => {})
    socket.write('POST /api/replication/executions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{')
  }
  const answer = await fetch(`http://127.0.0.1:${port}/api/version`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(200)
  for (const socket of slow) socket.destroy()
  expect(daemon.news.filter(({ type }) => type === 'log')).toEqual([])
})
