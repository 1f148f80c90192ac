/** What a recording shows of URLs, headers and bodies. */

import { describe, expect, test } from 'vitest'
import { bareHeaders, bareText, bareUrl } from '../../src/http/record/bare.ts'

const same = (text: string): string => text
const BASE = new URL('https://registry.example.com/v2/')
const JWT = `eyJhbGciOiJub25lIn0.${'eyJzdWIiOiIxIn0'}.c2lnbmF0dXJl`
const OPAQUE = 'Zm9vYmFyMTIzNDU2Nzg5MFFXRVJUWVVJT1A4ODg4'

test.each([
  ['https://u:p@h.example.com/v2/a/tags/list?n=2&last=b', 'https://h.example.com/v2/a/tags/list?n=2&last=b'],
  ['https://s3.example.com/k?X-Amz-Signature=abc&x-id=1', 'https://s3.example.com/k?X-Amz-Signature=***&x-id=***'],
  ['https://b.example.net/c/sha256?sig=abc%3D&se=2026', 'https://b.example.net/c/sha256?sig=***&se=***'],
  [`https://h.example.com/upload/${OPAQUE}?digest=sha256:1`, 'https://h.example.com/upload/***?digest=sha256:1'],
])('of the address %s it shows %s', (address, shown) => {
  expect(bareUrl(new URL(address), same)).toBe(shown)
})

test('of headers it shows those that are known to be harmless, and of the others the names', () => {
  const headers = {
    authorization: `Bearer ${JWT}`,
    cookie: 'session=1',
    'set-cookie': 'session=1; HttpOnly',
    'x-amz-security-token': 'abc',
    'x-jfrog-art-api': 'abc',
    'docker-content-digest': 'sha256:1',
    'www-authenticate': 'Bearer realm="https://auth.example.com/token",service="registry"',
    location: '/v2/a/blobs/uploads/1?_state=abc&digest=sha256:1',
    link: '<https://h.example.com/v2/_catalog?n=2&last=b&key=abc>; rel="next"',
  }
  expect(bareHeaders(headers, BASE, same)).toEqual({
    authorization: 'Bearer ***',
    cookie: '***',
    'set-cookie': '***',
    'x-amz-security-token': '***',
    'x-jfrog-art-api': '***',
    'docker-content-digest': 'sha256:1',
    'www-authenticate': headers['www-authenticate'],
    location: '/v2/a/blobs/uploads/1?_state=***&digest=sha256:1',
    link: '<https://h.example.com/v2/_catalog?n=2&last=b&key=***>; rel="next"',
  })
})

describe('of bodies it hides', () => {
  test.each([
    [
      'tokens',
      { token: 'abc', access_token: JWT, expires_in: 300 },
      { token: '***', access_token: '***', expires_in: 300 },
    ],
    ['passwords, however deep', { a: [{ user: 'u', password: 'p' }] }, { a: [{ user: 'u', password: '***' }] }],
    ['what Docker calls auth', { auths: { h: { auth: 'dTpw' } } }, { auths: { h: { auth: '***' } } }],
    [
      'keys',
      { AccessKeyId: 'a', secretAccessKey: 's', api_key: 'k' },
      { AccessKeyId: '***', secretAccessKey: '***', api_key: '***' },
    ],
    [
      'what looks like a token under any name',
      { value: OPAQUE, note: `it is ${JWT}` },
      { value: '***', note: 'it is ***' },
    ],
    [
      'nothing of a digest or a date',
      { digest: `sha256:${'a1'.repeat(32)}`, at: '2026-01-02T03:04:05.123Z' },
      undefined,
    ],
  ])('%s', (_title, body, shown) => {
    const text = JSON.stringify(body, undefined, 3)
    // What has no secret stays as it was sent, byte for byte: a manifest has a digest.
    expect(bareText(text, 'application/json', same)).toBe(shown === undefined ? text : JSON.stringify(shown))
  })

  test('fields of a form, elements and what is known to be a secret', () => {
    const form = 'grant_type=password&username=u&password=p&service=r'
    expect(bareText(form, 'application/x-www-form-urlencoded', same)).toBe(
      'grant_type=password&username=***&password=***&service=r',
    )
    const page = '<a><SessionToken>abc</SessionToken><Name>n</Name></a>'
    expect(bareText(page, 'text/xml', same)).toBe('<a><SessionToken>***</SessionToken><Name>n</Name></a>')
    const redact = (text: string): string => text.replaceAll('hunter2', '***')
    expect(bareText('{"note":"hunter2"}', undefined, redact)).toBe('{"note":"***"}')
    expect(bareText('it is hunter2', 'text/plain', redact)).toBe('it is ***')
  })
})
