/** Whom a registry's connections trust, and the client certificate that they show: what its configuration names, else what this machine keeps
 *  for its host, and the machine's authorities in any case. */

import { ConfigurationError } from '../../core/errors.ts'
import type { Registry } from '../../core/registry.ts'
import { authoritiesFrom, machineTrust } from '../../http/trust/authorities.ts'
import type { TrustOptions } from '../../http/trust/context.ts'
import { hostCertificates, type TrustSurroundings } from './host-certificates.ts'
import { checkPair, type PemKind, readPem } from './pem.ts'

/** Reads everything anew; files are read only for https. Throws a `ConfigurationError` for a file that was named and cannot be used. */
export async function trustOf(registry: Registry, surroundings: TrustSurroundings): Promise<TrustOptions> {
  const authorities = authoritiesFrom(surroundings.env)
  const url = registry.url === undefined ? undefined : new URL(registry.url)
  const [ca, client_cert, client_key] = await Promise.all([
    configured(registry, 'ca', 'certificate'),
    configured(registry, 'client_cert', 'certificate'),
    configured(registry, 'client_key', 'private key'),
  ])
  if (client_cert !== undefined && client_key !== undefined) {
    checkPair(client_cert, client_key, `registry ${registry.name}: `, 'client_cert', 'client_key')
  }
  if (url?.protocol !== 'https:') return { authorities, ca, client_cert, client_key }
  for (const problem of machineTrust(authorities).problems) surroundings.warn(`${problem}: it is passed over`)
  const kept = await hostCertificates(url, surroundings)
  const pair = client_cert === undefined ? kept?.pair : { cert: client_cert, key: client_key }
  return { authorities, ca: ca ?? kept?.ca, client_cert: pair?.cert, client_key: pair?.key }
}

type Key = 'ca' | 'client_cert' | 'client_key'

async function configured(registry: Registry, key: Key, kind: PemKind): Promise<string | undefined> {
  const path = registry[key]
  if (path === undefined) return undefined
  const read = await readPem(path, kind)
  if (read.problem === undefined) return read.text
  const { cause, hint } = read
  const message = `registry ${registry.name}: ${key} ${read.problem}: ${path}`
  throw new ConfigurationError([{ ...registry.written?.[key], message }], { cause, hint })
}
