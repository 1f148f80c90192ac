/** Which authorities a machine trusts. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { authoritiesFrom, machineTrust } from '../../../src/http/trust/authorities.ts'
import { authority } from '../../support/authority.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const trusted = (env: Readonly<Record<string, string>>) => machineTrust(authoritiesFrom(env))
const body = (pem: string): string => pem.replace(/-----[A-Z ]+-----|\s/g, '')

test('those of SSL_CERT_FILE and of all directories in SSL_CERT_DIR count, each once, beside those of Node', () => {
  const [first, second, third] = ['One', 'Two', 'Three'].map((name) => authority(name))
  const folder = temporaryDirectory()
  const directories = ['a', 'b', 'none'].map((name) => join(folder, name))
  for (const name of ['a', 'b']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'bundle'), `a comment\n${first?.ca}\n# another\n${second?.ca}`)
  writeFileSync(join(folder, 'a', 'any-name'), `${third?.ca}${first?.ca}`)
  symlinkSync(join(folder, 'a', 'any-name'), join(folder, 'a', '0123abcd.0'))
  symlinkSync(join(folder, 'gone'), join(folder, 'a', 'dangling.0'))
  symlinkSync('circle.0', join(folder, 'a', 'circle.0'))
  mkdirSync(join(folder, 'a', 'java'))
  writeFileSync(join(folder, 'b', 'key.pem'), '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n')
  const { certificates, problems } = trusted({
    SSL_CERT_FILE: join(folder, 'bundle'),
    SSL_CERT_DIR: directories.join(delimiter),
  })
  const found = certificates.map(body)
  expect(new Set(found).size).toBe(found.length)
  for (const one of [first, second, third]) expect(found).toContain(body(one?.ca ?? ''))
  expect(found.length).toBe(new Set(getCACertificates('default').map(body)).size + 3)
  expect(problems).toEqual([
    `SSL_CERT_DIR names ${directories[1]}, which holds no certificate`,
    `SSL_CERT_DIR names ${directories[2]}, which does not exist`,
  ])
})

test.each([
  ['that does not exist', undefined, 'which does not exist'],
  ['without a certificate', 'nothing', 'which holds no certificate'],
])('a file in SSL_CERT_FILE %s is told', (_, text, why) => {
  const file = join(temporaryDirectory(), 'ca.pem')
  if (text !== undefined) writeFileSync(file, text)
  const { certificates, problems } = trusted({ SSL_CERT_FILE: file })
  expect(problems).toEqual([`SSL_CERT_FILE names ${file}, ${why}`])
  expect(certificates.length).toBeGreaterThan(0)
})

test('an empty variable is as good as none', () => {
  expect(authoritiesFrom({ SSL_CERT_FILE: '', SSL_CERT_DIR: '' })).toEqual({})
  expect(trusted({}).problems).toEqual([])
})
