/** The authorities that this machine trusts: its own, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, beside those that come with Node. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { errorCode } from '../../core/errors.ts'

/** Where they are read. Plain data, as it is given to other threads; what is absent is where the system keeps it. */
export interface Authorities {
  readonly file?: string | undefined
  readonly directories?: readonly string[] | undefined
}

export interface MachineTrust {
  /** PEM, each once. */
  readonly certificates: readonly string[]
  /** What a variable names and cannot be used. */
  readonly problems: readonly string[]
}

/** As OpenSSL and Go read them: each takes the place of the system's own file or directories. */
export function authoritiesFrom(env: Readonly<Record<string, string | undefined>>): Authorities {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directories } = env
  return {
    ...(file ? { file } : {}),
    ...(directories ? { directories: directories.split(delimiter).filter(Boolean) } : {}),
  }
}

/** The first that exists counts, as for Go: Debian, Fedora, openSUSE, OpenELEC, CentOS, Alpine and the BSDs. */
const FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/usr/local/etc/ssl/cert.pem',
] as const
const DIRECTORIES = ['/etc/ssl/certs', '/etc/pki/tls/certs'] as const
/** The bundle of all public authorities has 250 KB. */
const LARGEST_FILE = 16 * 1024 * 1024
const MOST_FILES = 10_000

const known = new Map<string, MachineTrust>()

/** Read once for each thread, as it takes milliseconds. */
export function machineTrust(where: Authorities = {}): MachineTrust {
  const key = JSON.stringify([where.file, where.directories])
  const found = known.get(key) ?? read(where)
  known.set(key, found)
  return found
}

function read({ file, directories }: Authorities): MachineTrust {
  const certificates = new Map<string, string>()
  const problems: string[] = []
  const add = (texts: readonly string[]): void => {
    for (const text of texts) certificates.set(contentOf(text), text)
  }
  add(getCACertificates('default'))
  const own = file !== undefined || directories !== undefined
  // Windows and macOS keep them in no file.
  if (!own && (process.platform === 'win32' || process.platform === 'darwin')) add(getCACertificates('system'))
  else {
    if (file === undefined) add(firstOf(FILES))
    else add(named(file, 'SSL_CERT_FILE', certificatesOf, problems))
    for (const directory of directories ?? DIRECTORIES) {
      if (directories === undefined) add(quietly(directory, certificatesIn) ?? [])
      else add(named(directory, 'SSL_CERT_DIR', certificatesIn, problems))
    }
  }
  return { certificates: [...certificates.values()], problems }
}

function firstOf(files: readonly string[]): readonly string[] {
  for (const file of files) {
    const found = quietly(file, certificatesOf)
    if (found) return found
  }
  return []
}

function quietly<T>(path: string, look: (path: string) => T): T | undefined {
  try {
    return look(path)
  } catch {
    return undefined
  }
}

function named(
  path: string,
  variable: string,
  look: (path: string) => readonly string[],
  problems: string[],
): readonly string[] {
  try {
    const found = look(path)
    if (found.length === 0) problems.push(`${variable} names ${path}, which holds no certificate`)
    return found
  } catch (error) {
    const code = errorCode(error)
    const why = code === 'ENOENT' ? 'which does not exist' : `which cannot be read${code === '' ? '' : `: ${code}`}`
    problems.push(`${variable} names ${path}, ${why}`)
    return []
  }
}

/** Throws what reading it failed with. */
function certificatesOf(file: string): readonly string[] {
  return textOf(file, statSync(file))
}

function textOf(file: string, { size }: { readonly size: number }): readonly string[] {
  return size > LARGEST_FILE ? [] : pemCertificates(readFileSync(file, 'latin1'))
}

/** Of all files in it, whatever their names: others than OpenSSL need no hashes. */
function certificatesIn(directory: string): readonly string[] {
  const seen = new Set<number>()
  return readdirSync(directory)
    .slice(0, MOST_FILES)
    .flatMap((name) => {
      const path = join(directory, name)
      // Most entries are two links to one file; a link may lead nowhere.
      const stat = quietly(path, () => statSync(path, { throwIfNoEntry: false }))
      if (!stat?.isFile() || seen.has(stat.ino)) return []
      seen.add(stat.ino)
      return quietly(path, () => textOf(path, stat)) ?? []
    })
}

/** The certificates in a PEM text, as they stand there. */
export function pemCertificates(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
}

/** Without the breaks of its lines, which differ. */
function contentOf(pem: string): string {
  return pem.replace(/\s+/g, '')
}
