/** Which proxy a request goes through. */

import { expect, test } from 'vitest'
import { isMetadata, proxyAddress, proxyFromEnvironment } from '../../src/http/proxy/address.ts'
import { client, context, read, serve } from './server.ts'

test.each([
  ['http://proxy.example.com:3128', 'http://proxy.example.com:3128/', undefined],
  ['proxy.example.com:3128', 'http://proxy.example.com:3128/', undefined],
  ['127.0.0.1:3128', 'http://127.0.0.1:3128/', undefined],
  ['zscaler:443', 'http://zscaler:443/', undefined],
  ['u:p@proxy:3128', 'http://proxy:3128/', { username: 'u', password: 'p' }],
  ['http://u:p%40@proxy:3128', 'http://proxy:3128/', { username: 'u', password: 'p@' }],
  ['http://u:p@ss@proxy:3128', 'http://proxy:3128/', { username: 'u', password: 'p@ss' }],
  ['http://u:pass%zz@proxy:3128', 'http://proxy:3128/', { username: 'u', password: 'pass%zz' }],
])('reads %s', (text, url, credential) => {
  const address = proxyAddress(text)
  expect([address.url.href, address.credential]).toEqual([url, credential])
})

test.each(['socks5://u:s3cret@proxy:1080', 'http://', 'u:s3cret@', 'http://u:s3cret@proxy:port'])(
  '%s is not an address, and its password is not repeated',
  (text) => {
    expect(() => proxyAddress(text)).toThrow(expect.objectContaining({ code: 'configuration' }))
    expect(() => proxyAddress(text)).not.toThrow('s3cret')
  },
)

test('a SOCKS proxy is said not to be possible', () => {
  expect(() => proxyAddress('socks5h://proxy:1080')).toThrow('a SOCKS proxy cannot be used')
})

test.each(['http://example.com', 'https://example.com'])('ALL_PROXY is for %s where nothing else is', (url) => {
  const other = url.startsWith('https') ? 'https_proxy' : 'http_proxy'
  expect(proxyFromEnvironment(url, { ALL_PROXY: 'all:1' })).toBe('all:1')
  expect(proxyFromEnvironment(url, { all_proxy: 'all:1', [other]: 'own:2' })).toBe('own:2')
  expect(proxyFromEnvironment(url, { ALL_PROXY: 'all:1', no_proxy: 'EXAMPLE.com' })).toBeUndefined()
})

test.each([
  ['http://10.9.8.7:5000', '10.0.0.0/8'],
  ['http://10.9.8.7:5000', '10.9.8.7'],
  ['http://10.9.8.7:5000', '10.9.8.7:5000'],
  ['http://10.9.8.7:5000', 'a.test, 10.0.0.0/8:5000'],
  ['http://[fd00::5]:5000', 'fd00::/8'],
  ['http://[fd00::5]:5000', '[fd00::5]:5000'],
  ['http://reg.corp.test:5000', '.corp.test'],
  ['http://reg.corp.test:5000', '*.corp.test'],
  ['http://reg.corp.test:5000', 'REG.Corp.test'],
  ['http://reg.corp.test:5000', 'corp.test:5000'],
  ['http://reg.corp.test', 'reg.corp.test:80'],
  ['http://reg.corp.test', '*'],
])('%s is exempt by NO_PROXY=%s', (url, exempt) => {
  expect(proxyFromEnvironment(url, { HTTP_PROXY: 'http://proxy:3128', NO_PROXY: exempt })).toBeUndefined()
  expect(proxyFromEnvironment(url, { http_proxy: 'http://proxy:3128', no_proxy: exempt })).toBeUndefined()
})

test.each([
  ['http://11.9.8.7:5000', '10.0.0.0/8'],
  ['http://10.9.8.7:5000', '10.9.8.7:5001'],
  ['http://10.9.8.7:5000', '10.0.0.0/99'],
  ['http://10.9.8.7:5000', '::/0'],
  ['http://reg.corp.test', 'orp.test'],
  ['http://reg.corp.test', '., ,:80'],
])('%s is not exempt by NO_PROXY=%s', (url, exempt) => {
  expect(proxyFromEnvironment(url, { HTTP_PROXY: 'proxy:3128', NO_PROXY: exempt })).toBe('proxy:3128')
})

test.each(['http://localhost:5000', 'http://a.localhost', 'http://127.0.0.1:5000', 'http://[::1]:5000'])(
  '%s never goes through a proxy, nor does the metadata of a cloud',
  (url) => {
    expect(proxyFromEnvironment(url, { HTTP_PROXY: 'http://proxy:3128' })).toBeUndefined()
    expect(
      proxyFromEnvironment('http://metadata.google.internal/x', { HTTP_PROXY: 'http://proxy:3128' }),
    ).toBeUndefined()
    expect(['http://169.254.169.254/x', 'http://[fd00:ec2::254]/x', 'http://example.com'].map(isMetadata)).toEqual([
      true,
      true,
      false,
    ])
  },
)

test('goes through a proxy whose address has no scheme, with a password that is not encoded', async () => {
  const proxy = await serve((_, response) => response.end('through'))
  const server = await serve((_, response) => response.end('directly'))
  const http = client(
    { url: 'http://registry.invalid', host: 'registry.invalid' },
    { proxy: `u:pass%zz@${proxy.host}` },
  )
  const { body } = await http.request({ method: 'GET', url: '/v2/' }, context())
  expect([(await read(body)).toString(), server.seen.length]).toEqual(['through', 0])
  const sent = proxy.seen[0]?.headers['proxy-authorization']
  expect(sent).toBe(`Basic ${Buffer.from('u:pass%zz').toString('base64')}`)
})
