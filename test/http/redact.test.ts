/** No secret survives in text. */

import { expect, test } from 'vitest'
import { createRedactor } from '../../src/http/redact.ts'

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
