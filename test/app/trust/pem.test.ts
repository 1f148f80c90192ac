/** What is said of files that do not hold what they should. */

import { X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type PemKind, readPem } from '../../../src/app/trust/pem.ts'
import { authority } from '../../support/authority.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const root = authority('Root')
const leaf = root.issue('DNS:x')
const damaged = root.ca.replace(/[A-Za-z]{20}\n/, 'AAAAAAAAAAAAAAAAAAAA\n').replace(/\nMII/, '\nAAA')

test.each<[string, PemKind, string | Buffer, string]>([
  ['a private key', 'certificate', leaf.key, 'holds no certificate, but a private key'],
  ['any text', 'certificate', 'nothing', 'holds no certificate'],
  ['an empty file', 'certificate', '', 'holds no certificate'],
  ['DER', 'certificate', new X509Certificate(root.ca).raw, 'holds no certificate in PEM, but binary'],
  [
    'a request',
    'certificate',
    '-----BEGIN CERTIFICATE REQUEST-----\nMII\n-----END CERTIFICATE REQUEST-----\n',
    'holds no certificate, but a request for one',
  ],
  ['a damaged certificate', 'certificate', damaged, 'holds a certificate that is damaged'],
  [
    'a damaged one among others',
    'certificate',
    root.ca + damaged,
    'holds 2 certificates, of which number 2 is damaged',
  ],
  ['a certificate', 'private key', leaf.cert, 'holds no private key, but a certificate'],
  ['any text', 'private key', 'nothing', 'holds no private key'],
])('%s as a %s', async (_, kind, content, problem) => {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, content)
  expect(await readPem(path, kind)).toMatchObject({ problem })
})

test('a file that is not there, or is none', async () => {
  const folder = temporaryDirectory()
  mkdirSync(join(folder, 'directory'))
  expect(await readPem(join(folder, 'gone'), 'certificate')).toMatchObject({ problem: 'does not exist' })
  expect(await readPem(join(folder, 'directory'), 'certificate')).toMatchObject({ problem: 'cannot be read (EISDIR)' })
})

test('certificates and keys are read with what stands around them', async () => {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, `# Root\r\n${root.ca}\r\n${leaf.key}`)
  expect(await readPem(path, 'certificate')).not.toHaveProperty('problem')
  expect(await readPem(path, 'private key')).not.toHaveProperty('problem')
})
