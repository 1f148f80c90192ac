/** What this machine keeps for one registry's host in the `certs.d` directories of Docker and Podman: authorities and a client certificate.
 *  https://docs.docker.com/engine/security/certificates/ and containers-certs.d(5). */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigurationError, errorCode } from '../../core/errors.ts'
import { checkPair, type PemKind, usablePem } from './pem.ts'

export interface TrustSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home directory, absolute, where there is one. */
  readonly home: string | undefined
  /** Called for what was passed over. */
  readonly warn: (text: string) => void
}

export interface HostCertificates {
  /** PEM, of all `*.crt` together. */
  readonly ca: string | undefined
  /** The first `*.cert` with its `*.key`. */
  readonly pair: { readonly cert: string; readonly key: string } | undefined
}

type Warn = TrustSurroundings['warn']

/** The first directory with such a file counts, as it does for Podman. Undefined if no such directory exists. Throws a `ConfigurationError` that
 *  names a file of it that cannot be used. `etc` is for tests. */
export async function hostCertificates(
  url: URL,
  { env, home, warn }: TrustSurroundings,
  etc = '/etc',
): Promise<HostCertificates | undefined> {
  const homes = home === undefined ? [] : [home]
  const configs = [...(env.XDG_CONFIG_HOME ? [env.XDG_CONFIG_HOME] : []), ...homes.map((one) => join(one, '.config'))]
  const places = new Set([
    ...configs.map((config) => join(config, 'containers')),
    // Of a Docker without root, and of Docker Desktop.
    ...configs.map((config) => join(config, 'docker')),
    ...homes.map((one) => join(one, '.docker')),
    join(etc, 'containers'),
    join(etc, 'docker'),
  ])
  for (const place of places) {
    for (const host of namesOf(url)) {
      const directory = join(place, 'certs.d', host)
      const files = (await namesIn(directory)).filter((name) => /\.(crt|cert|key)$/.test(name)).sort()
      if (files.length > 0) return read(directory, files, warn)
    }
  }
  return undefined
}

/** The host as a reference names it: with a port where it is not the usual one, but some write the usual one, too. */
function namesOf({ host, port }: URL): readonly string[] {
  const names = port === '' ? [host, `${host}:443`] : [host]
  return host === 'registry-1.docker.io' ? ['docker.io', ...names] : names
}

/** None where there is no such directory, or where it is for others, such as a Docker that runs as root. */
async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (cause) {
    const code = errorCode(cause)
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENAMETOOLONG', 'EINVAL'].includes(code)) return []
    throw new ConfigurationError(`${directory} cannot be read (${code || 'unknown error'})`, { cause })
  }
}

async function read(directory: string, files: readonly string[], warn: Warn): Promise<HostCertificates> {
  const named = (ending: string): readonly string[] =>
    files.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length))
  const [certs, keys] = [named('.cert'), named('.key')]
  for (const name of certs) {
    if (!keys.includes(name)) throw alone(directory, `${name}.cert`, `${name}.key`)
  }
  for (const name of keys) {
    if (!certs.includes(name)) throw alone(directory, `${name}.key`, `${name}.cert`)
  }
  const authorities = (
    await Promise.all(named('.crt').map((name) => openPem(join(directory, `${name}.crt`), 'certificate', warn)))
  ).filter((text) => text !== undefined)
  const [first, ...others] = certs
  for (const name of others) warn(`${join(directory, `${name}.cert`)} is passed over: ${first}.cert is shown`)
  return {
    ca: authorities.length === 0 ? undefined : authorities.join('\n'),
    pair: first === undefined ? undefined : await pairOf(directory, first, warn),
  }
}

async function pairOf(directory: string, name: string, warn: Warn): Promise<HostCertificates['pair']> {
  const paths = { cert: join(directory, `${name}.cert`), key: join(directory, `${name}.key`) }
  const cert = await openPem(paths.cert, 'certificate', warn)
  const key = await openPem(paths.key, 'private key', warn)
  if (cert === undefined || key === undefined) return undefined
  checkPair(cert, key, '', paths.cert, paths.key)
  return { cert, key }
}

/** Undefined for a file that this user may not read: Docker runs as root, and keeps its keys to itself. */
async function openPem(path: string, kind: PemKind, warn: Warn): Promise<string | undefined> {
  try {
    return await usablePem(path, kind)
  } catch (error) {
    if (!(error instanceof ConfigurationError) || errorCode(error.cause) !== 'EACCES') throw error
    warn(`${path} is passed over: this user may not read it`)
    return undefined
  }
}

function alone(directory: string, file: string, missing: string): ConfigurationError {
  const hint = file.endsWith('.cert')
    ? 'it is a client certificate; the file of an authority ends in `.crt`'
    : undefined
  return new ConfigurationError(`${join(directory, file)} has no ${missing} beside it`, { hint })
}
