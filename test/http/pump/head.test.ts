/** Heads of answers: what is read, and what is refused because two readers could read it in two ways. */

import { expect, test } from 'vitest'
import { parseHead } from '../../../src/http/pump/head.ts'

const head = (...lines: readonly string[]) => parseHead(lines.join('\r\n'), 'GET')

test('reads status, headers and length', () => {
  expect(head('HTTP/1.1 200 OK', 'Content-Length:  5 ', 'LINK: <a>', 'link:\t<b>', 'x:')).toEqual({
    status: 200,
    headers: { 'content-length': '5', link: '<a>, <b>', x: '' },
    framing: { kind: 'length', length: 5 },
    keepAlive: 4000,
  })
})

test.each([
  ['without a reason', 'HTTP/1.1 404'],
  ['with an empty reason', 'HTTP/1.1 404 '],
])('takes a status line %s', (_, line) => {
  expect(head(line, 'content-length: 0').status).toBe(404)
})

test.each([
  ['GET', 200, ['transfer-encoding: Chunked'], 'chunked'],
  ['GET', 200, [], 'close'],
  ['GET', 204, ['transfer-encoding: chunked'], 'length'],
  ['GET', 304, ['content-length: 7'], 'length'],
  ['HEAD', 200, ['content-length: 7'], 'length'],
  ['GET', 100, [], 'length'],
])('%s, %i, %j: a body by %s', (method, status, lines, kind) => {
  const { framing } = parseHead([`HTTP/1.1 ${status} x`, ...lines].join('\r\n'), method)
  expect(framing).toEqual(kind === 'length' ? { kind, length: 0 } : { kind })
})

test.each([
  [['HTTP/1.1 200 OK'], 4000],
  [['HTTP/1.1 200 OK', 'Connection: Close'], 0],
  [['HTTP/1.0 200 OK'], 0],
  [['HTTP/1.0 200 OK', 'Connection: keep-alive'], 4000],
  [['HTTP/1.1 200 OK', 'Keep-Alive: timeout=30, max=9'], 28_000],
  [['HTTP/1.1 200 OK', 'Keep-Alive: timeout=100000'], 60_000],
  [['HTTP/1.1 200 OK', 'Keep-Alive: timeout=1'], 0],
])('%j may be kept for %i ms', (lines, keepAlive) => {
  expect(head(...lines).keepAlive).toBe(keepAlive)
})

test('takes a length that is said twice, but the same', () => {
  expect(head('HTTP/1.1 200 OK', 'content-length: 5', 'content-length: 5').framing).toEqual({
    kind: 'length',
    length: 5,
  })
})

test.each([
  ['another version', ['HTTP/2 200 OK']],
  ['no status', ['HTTP/1.1 OK']],
  ['a status of four digits', ['HTTP/1.1 2000 OK']],
  ['a blank before the colon', ['HTTP/1.1 200 OK', 'a : b']],
  ['no colon', ['HTTP/1.1 200 OK', 'ab']],
  ['no name', ['HTTP/1.1 200 OK', ': b']],
  ['a folded line', ['HTTP/1.1 200 OK', 'a: b', ' c: d']],
  ['a bare line feed', ['HTTP/1.1 200 OK', 'a: b\nc: d']],
  ['a bare carriage return', ['HTTP/1.1 200 OK', 'a: b\rc: d']],
  ['a zero byte', ['HTTP/1.1 200 OK', 'a: b\0']],
  ['two lengths', ['HTTP/1.1 200 OK', 'content-length: 5, 6']],
  ['a negative length', ['HTTP/1.1 200 OK', 'content-length: -1']],
  ['a length with a sign', ['HTTP/1.1 200 OK', 'content-length: +1']],
  ['a length in another base', ['HTTP/1.1 200 OK', 'content-length: 0x10']],
  ['a length beyond counting', ['HTTP/1.1 200 OK', 'content-length: 99999999999999999999']],
  ['an empty length', ['HTTP/1.1 200 OK', 'content-length:']],
  ['a length and an encoding', ['HTTP/1.1 200 OK', 'content-length: 5', 'transfer-encoding: chunked']],
  ['an unknown encoding', ['HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked']],
])('refuses %s', (_, lines) => {
  expect(() => head(...lines)).toThrow('does not answer in HTTP/1.1')
})
