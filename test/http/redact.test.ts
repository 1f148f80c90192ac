/** No secret survives in text. */

import { expect, test } from 'vitest'
import { NetworkError } from '../../src/core/errors.ts'
import { createRedactor, redactAll } from '../../src/http/redact.ts'

test('removes a registered secret in every form in which it travels', () => {
  const redactor = createRedactor()
  redactor.add('pa:ss/w"rd', 'alice')
  const forms = [
    'pa:ss/w"rd',
    encodeURIComponent('pa:ss/w"rd'),
    'pa:ss/w\\"rd',
    new URLSearchParams([['pa:ss/w"rd', '']]).toString().slice(0, -1),
    Buffer.from('alice:pa:ss/w"rd').toString('base64'),
    Buffer.from('alice:pa:ss/w"rd').toString('base64url').replaceAll('-', '+').replaceAll('_', '/'),
  ]
  for (const form of forms) expect(redactor.text(`x ${form} y`)).toBe('x *** y')
})

test('removes a long token to its end, also one that begins alike', () => {
  const redactor = createRedactor()
  redactor.add(`eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.${'a'.repeat(80)}.sig-_`)
  expect(redactor.text(`got eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.${'b'.repeat(80)}.s, sorry`)).toBe('got ***, sorry')
})

test.each([
  ['https://user:pass@host/x', 'https://***@host/x'],
  ['http://bob:hunter2@Sup3rSecretTail@proxy:3128', 'http://***@proxy:3128'],
  [
    'GET https://s3/x?X-Amz-Credential=AK%2F&X-Amz-Signature=ff&n=1',
    'GET https://s3/x?X-Amz-Credential=***&X-Amz-Signature=***&n=1',
  ],
  ['https://az/x?sv=1&sig=a%2Bb', 'https://az/x?sv=1&sig=***'],
  ['/v2/?token=abc&Signature=x', '/v2/?token=***&Signature=***'],
  ['Authorization: Bearer abc.def', 'Authorization: ***'],
  ['{"authorization":"Basic YTpi"}', '{"authorization":"***"}'],
  ['sent Bearer abcdefghijklmnop1234', 'sent Bearer ***'],
  ['a basic misunderstanding, bearer token', 'a basic misunderstanding, bearer token'],
])('cleans %s', (text, clean) => {
  expect(createRedactor().text(text)).toBe(clean)
})

test('does not hide ordinary words for a secret that is one letter', () => {
  const redactor = createRedactor()
  redactor.add('a')
  expect(redactor.text('a cat')).toBe('a cat')
})

test('every string of an event is cleaned, whatever it is called, and what is clean stays itself', () => {
  const redactor = createRedactor()
  redactor.add('hook-secret-9')
  const redact = (text: string) => redactor.text(text)
  const error = new NetworkError('no upstream for hook-secret-9', { cause: new Error('hook-secret-9 again') })
  const event = { type: 'retry', delay: 5, reason: 'at hook-secret-9', deep: [{ to: ['hook-secret-9'] }, null], error }
  const cleaned = redactAll(event, redact)
  expect(cleaned).toMatchObject({ type: 'retry', delay: 5, reason: 'at ***', deep: [{ to: ['***'] }, null] })
  expect(cleaned.error).toBeInstanceOf(NetworkError)
  expect([cleaned.error.message, cleaned.error.retryable]).toEqual(['no upstream for ***', true])
  expect(`${cleaned.error.stack} ${cleaned.error.cause}`).not.toContain('hook-secret-9')
  expect(error.message).toContain('hook-secret-9')
  const harmless = { type: 'waiting', reason: 'a pause' }
  expect(redactAll(harmless, redact)).toBe(harmless)
})

test.each([
  ['a scheme that never ends', 'a.'.repeat(500_000)],
  ['many schemes', 'http://'.repeat(150_000)],
  ['a user name that never ends', `http://${'x'.repeat(1_000_000)}`],
  ['many at signs', `http://${'@'.repeat(1_000_000)}`],
  ['many headers', 'authorization: '.repeat(70_000)],
  ['blanks', `bearer${' '.repeat(1_000_000)}`],
  ['a token without an end', `bearer ${'a'.repeat(1_000_000)}`],
  ['many parameters', '&sig='.repeat(200_000)],
])('takes no more than a moment for %s', (_, text) => {
  const redactor = createRedactor()
  redactor.add('some-secret')
  const began = performance.now()
  redactor.text(text)
  // Quadratic time would be minutes.
  expect(performance.now() - began).toBeLessThan(5000)
})

test('of passing secrets the newest are known, and no number of them displaces a lasting one', () => {
  const redactor = createRedactor()
  redactor.add('lasting-password')
  for (let token = 0; token < 5000; token += 1) redactor.addPassing(`token-number-${token}`)
  expect(redactor.text('lasting-password token-number-4999 token-number-4900')).toBe('*** *** ***')
  expect(redactor.text('token-number-7')).toBe('token-number-7')
})
