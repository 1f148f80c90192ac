/** Answers that are damaged anyhow, byte by byte: read, or refused in this program's words; never a crash, a hang or endless memory. */

import { createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { NetworkError, ReplicateError } from '../../src/core/errors.ts'
import { parseJson } from '../../src/core/foreign.ts'
import { createAllowance } from '../../src/http/allowance.ts'
import { chooseChallenge, parseChallenges } from '../../src/http/auth/challenge.ts'
import { parseHead } from '../../src/http/pump/head.ts'
import { createRedactor } from '../../src/http/redact.ts'
import { retryAfter } from '../../src/http/retry.ts'
import { alice, client, context, fastClock } from '../http/server.ts'
import { damaged, LIMITS, MOST, WITHIN } from './damage.ts'

const HEADS = [
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\nkeep-alive: timeout=5',
  'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm="https://a/b",service="c"\r\ntransfer-encoding: chunked',
  'HTTP/1.0 429 x\r\nretry-after: 7\r\nratelimit-remaining: 0;w=60\r\nlink: </v2/x?n=1>; rel="next"\r\n: y',
]

test('heads', { timeout: WITHIN }, () => {
  fc.assert(
    fc.property(damaged(...HEADS), (text) => {
      let head: ReturnType<typeof parseHead>
      try {
        head = parseHead(text, 'GET')
      } catch (error) {
        expect(error).toBeInstanceOf(NetworkError)
        return
      }
      expect(head.status).toBeGreaterThanOrEqual(100)
      expect(head.keepAlive).toBeGreaterThanOrEqual(0)
      expect(JSON.stringify(head.headers)).not.toMatch(/\\r|\\n|\\u0000/)
      if (head.framing.kind === 'length') expect(Number.isSafeInteger(head.framing.length)).toBe(true)
    }),
    LIMITS,
  )
})

test('challenges', { timeout: WITHIN }, () => {
  const texts = [
    'Bearer realm="https://auth.example.com/token",service="a",scope="repository:a/b:pull,push"',
    'Basic realm="x", Negotiate dG9rZW4=, bearer realm=https://a/b , error="insufficient_scope"',
    'Digest a="\\"b\\\\", Bearer realm="',
  ]
  fc.assert(
    fc.property(damaged(...texts), (header) => {
      const before = process.cpuUsage()
      for (const { scheme, parameters } of parseChallenges(header)) {
        expect(scheme).not.toBe('')
        for (const value of Object.values(parameters)) expect(value.length).toBeLessThanOrEqual(header.length)
      }
      chooseChallenge(header)
      expect(process.cpuUsage(before).user).toBeLessThan(MOST)
    }),
    LIMITS,
  )
})

test('JSON is read as everybody reads it, or refused', { timeout: WITHIN }, () => {
  fc.assert(
    fc.property(
      damaged('{"a":[1,{"b":"\\"[{"}],"c":null}', '[[[]]]', '"x"', '{"token":"t","expires_in":300}'),
      (text) => {
        let value: unknown
        try {
          value = parseJson(Buffer.from(text))
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
          expect(String(error)).toMatch(/: (?:not JSON|JSON nested more than 100 deep)$/)
          return
        }
        expect(value).toEqual(JSON.parse(Buffer.from(text).toString('utf8')))
        // Whatever was read can be written.
        JSON.stringify(value)
      },
    ),
    LIMITS,
  )
})

test('pauses and allowances', { timeout: WITHIN }, async () => {
  const value = damaged('7', 'Thu, 01 Jan 2026 00:00:05 GMT', '1767225600', '0;w=21600', '100', '1e300')
  await fc.assert(
    fc.asyncProperty(value, value, async (one, other) => {
      const wait = retryAfter({ 'retry-after': one }, Date.UTC(2026, 0, 1)) ?? 0
      expect(new Date(Date.UTC(2026, 0, 1) + wait).getTime()).toBeGreaterThanOrEqual(Date.UTC(2026, 0, 1))
      const clock = fastClock()
      const allowance = createAllowance({ host: 'a', reserve: 5, clock })
      allowance.note({ 'ratelimit-remaining': one, 'ratelimit-reset': other }, false)
      const more = async () => allowance.note({ 'ratelimit-remaining': '100' }, false)
      await allowance.take(more, context())
    }),
    LIMITS,
  )
})

test('a secret is in no text that was cleaned', { timeout: WITHIN }, () => {
  const texts = [
    'at https://bob:p4ssw0rd!@host/x?sig=p4ssw0rd!&n=1',
    '{"authorization":"Bearer p4ssw0rd!"}',
    'p4ssw0rd!',
  ]
  const redactor = createRedactor()
  redactor.add('p4ssw0rd!', 'bob')
  fc.assert(
    fc.property(damaged(...texts), (text) => {
      const before = process.cpuUsage()
      expect(redactor.text(text)).not.toContain('p4ssw0rd!')
      expect(process.cpuUsage(before).user).toBeLessThan(MOST)
    }),
    LIMITS,
  )
})

const ANSWERS = [
  'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"token":"ab"}',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 103 Early\r\nlink: <a>\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 40\r\n\r\n{"errors":[{"code":"A","message":"bbbb"}]}',
  'HTTP/1.1 307 Go\r\nlocation: /v2/y?x=1\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nthe end',
  'HTTP/1.1 401 No\r\nwww-authenticate: Bearer realm="/token",service="a"\r\ncontent-length: 2\r\n\r\n{}',
  'HTTP/1.1 429 Later\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n',
]

test('whole conversations: every request ends, and a failure is one of ours', { timeout: WITHIN }, async () => {
  let answers: readonly string[] = []
  let asked = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', () => {
      const answer = answers[asked % answers.length] ?? ''
      asked += 1
      socket.write(answer, 'latin1')
      // Half of them stay open: what does not come is waited for, but not for long.
      if (asked % 2 === 0) socket.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  await fc.assert(
    fc.asyncProperty(fc.array(damaged(...ANSWERS), { minLength: 1, maxLength: 3 }), async (some) => {
      answers = some
      asked = 0
      const http = client({ url: `http://${host}`, host }, { as: alice, idle: 30 })
      try {
        const response = await http.request({ method: 'GET', url: '/v2/x', scopes: ['repository:x:pull'] }, context())
        await response.json()
      } catch (error) {
        expect(error, `${error instanceof Error ? error.stack : error}`).toBeInstanceOf(ReplicateError)
      } finally {
        await http.close()
      }
      expect(asked).toBeLessThan(100)
    }),
    LIMITS,
  )
})
