/** A certificate for 127.0.0.1 that signs itself, for registries of the bench that speak TLS. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Paths of PEM files in `directory`; undefined without openssl. */
export function makeCertificate(directory: string): { readonly cert: string; readonly key: string } | undefined {
  const cert = join(directory, 'cert.pem')
  const key = join(directory, 'key.pem')
  const args =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bench -addext subjectAltName=IP:127.0.0.1'
  try {
    execFileSync('openssl', [...args.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return { cert, key }
}
