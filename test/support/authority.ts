/** Certificate authorities for tests: each a new one that no machine trusts. */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary.ts'

export interface Authority {
  /** Its own certificate, PEM. */
  readonly ca: string
  /** The path of a file with it. */
  readonly file: string
  /** A server's certificate for these, such as `IP:127.0.0.1` or `DNS:registry.example.com`. */
  issue(...names: readonly string[]): { readonly key: string; readonly cert: string }
  /** An authority below this one. */
  below(name: string): Authority
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
const AUTHORITY = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign']

/** `name` is its common name. */
export function authority(name: string, above?: { readonly cert: string; readonly key: string }): Authority {
  const folder = temporaryDirectory()
  const own = { key: join(folder, 'ca.key'), cert: join(folder, 'ca.pem') }
  const signed = above ? ['-CA', above.cert, '-CAkey', above.key] : []
  request(own, [`/O=Example/CN=${name}`, ...AUTHORITY, ...signed])
  let count = 0
  return {
    ca: readFileSync(own.cert, 'utf8'),
    file: own.cert,
    issue(...names) {
      count += 1
      const leaf = { key: join(folder, `${count}.key`), cert: join(folder, `${count}.pem`) }
      const extensions = [
        '-addext',
        'basicConstraints=critical,CA:FALSE',
        '-addext',
        `subjectAltName=${names.join(',')}`,
      ]
      request(leaf, ['/CN=test', ...extensions, '-CA', own.cert, '-CAkey', own.key])
      return { key: readFileSync(leaf.key, 'utf8'), cert: readFileSync(leaf.cert, 'utf8') }
    },
    below: (inner) => authority(inner, own),
  }
}

function request(
  { key, cert }: { readonly key: string; readonly cert: string },
  [subject = '', ...rest]: string[],
): void {
  // Without a configuration of the machine's, which adds extensions of its own.
  const config = `${key}.cnf`
  writeFileSync(config, '[req]\ndistinguished_name=dn\n[dn]\n')
  const command = ['req', '-x509', '-config', config, ...KEY, '-subj', subject, '-keyout', key, '-out', cert, ...rest]
  execFileSync('openssl', command, { stdio: 'ignore' })
}
