/** Reads PEM files, and says what one holds that does not hold what it should. */

import { X509Certificate } from 'node:crypto'
import { open } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { ConfigurationError, errorCode, messageOf } from '../../core/errors.ts'
import { pemCertificates } from '../../http/trust/authorities.ts'

export type PemKind = 'certificate' | 'private key'

export interface PemProblem {
  /** Such as `holds no certificate`. */
  readonly problem: string
  readonly hint?: string | undefined
  readonly cause?: unknown
}

export type Pem = { readonly text: string; readonly problem?: undefined } | PemProblem

/** A bundle of all public authorities has 250 KB. */
const LARGEST = 16 * 1024 * 1024

export async function readPem(path: string, kind: PemKind): Promise<Pem> {
  let text: string
  try {
    const file = await open(path)
    try {
      if ((await file.stat()).size > LARGEST) return { problem: `is larger than ${LARGEST} bytes` }
      text = await file.readFile('latin1')
    } finally {
      await file.close()
    }
  } catch (cause) {
    const code = errorCode(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: 'does not exist', cause }
    const hint = code === 'EACCES' ? 'check its owner and permissions' : undefined
    return { problem: `cannot be read (${code || 'unknown error'})`, cause, hint }
  }
  return kind === 'certificate' ? checkedCertificates(text) : checkedKey(text)
}

/** The file's text where it holds what it should. */
export async function usablePem(path: string, kind: PemKind): Promise<string> {
  const read = await readPem(path, kind)
  if (read.problem === undefined) return read.text
  const { problem, hint, cause } = read
  throw new ConfigurationError(`${path} ${problem}`, { hint, cause })
}

/** Before any host is asked: a handshake would fail in OpenSSL's words, and name no registry. `about` begins the message. */
export function checkPair(cert: string, key: string, about: string, certName: string, keyName: string): void {
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    const refused = (why: string, hint?: string): ConfigurationError =>
      new ConfigurationError(`${about}${why}`, { cause, hint })
    if (/ENCRYPTED/.test(key)) {
      const hint = 'write it without: openssl pkey -in KEY -out PLAIN, readable by its owner only'
      throw refused(`${keyName} has a passphrase`, hint)
    }
    if (errorCode(cause) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
      throw refused(`${keyName} belongs to another ${certName}`)
    throw refused(`${certName} and ${keyName} cannot be used: ${messageOf(cause)}`)
  }
}

/** Node would accept any text, trust nothing because of it, and blame the server's certificate. */
function checkedCertificates(text: string): Pem {
  const found = pemCertificates(text)
  for (const [index, pem] of found.entries()) {
    try {
      new X509Certificate(pem)
    } catch (cause) {
      const which =
        found.length === 1 ? 'a certificate that is' : `${found.length} certificates, of which number ${index + 1} is`
      return { problem: `holds ${which} damaged`, cause, hint: 'copy it again, whole and without changes' }
    }
  }
  if (found.length > 0) return { text }
  const hint = 'such a file has a line -----BEGIN CERTIFICATE-----'
  if (isKey(text)) return { problem: 'holds no certificate, but a private key', hint }
  if (/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(text)) {
    return {
      problem: 'holds no certificate, but a request for one',
      hint: 'the authority answers it with a certificate',
    }
  }
  if (isBinary(text)) {
    const command = 'openssl x509 -inform der -in FILE -out FILE.pem'
    return { problem: 'holds no certificate in PEM, but binary', hint: `make it PEM: ${command}` }
  }
  return { problem: 'holds no certificate', hint }
}

function checkedKey(text: string): Pem {
  if (isKey(text)) return { text }
  const hint = 'such a file has a line -----BEGIN PRIVATE KEY-----'
  const instead = pemCertificates(text).length > 0 ? ', but a certificate' : isBinary(text) ? ' in PEM, but binary' : ''
  return { problem: `holds no private key${instead}`, hint }
}

function isKey(text: string): boolean {
  return /-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----/.test(text)
}

/** DER begins with the tag and the long length of a sequence. */
function isBinary(text: string): boolean {
  return /^\x30[\x80-\xff]/.test(text)
}
