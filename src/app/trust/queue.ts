/** Whom the connection to the queue of workers trusts, and as whom it shows itself: by its configuration, and this machine's authorities in any case. */

import type { WorkersSettings } from '../../config/workers.ts'
import { ConfigurationError, errorCode, messageOf } from '../../core/errors.ts'
import { CLIENT_CERTIFICATE, certificateProblem, namesOf, UNKNOWN_AUTHORITY } from '../../http/failure.ts'
import { authoritiesFrom } from '../../http/trust/authorities.ts'
import { secureContext } from '../../http/trust/context.ts'
import type { QueueAccess } from '../../queue/server.ts'
import { checkPair, type PemKind, readPem } from './pem.ts'

/** Files are read only for `rediss://`. Throws a `ConfigurationError` for one that cannot be used. */
export async function queueAccess(
  settings: WorkersSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<QueueAccess> {
  if (new URL(settings.shown).protocol !== 'rediss:') return { tlsProblem }
  const [ca, client_cert, client_key] = await Promise.all([
    configured(settings, 'ca', 'certificate'),
    configured(settings, 'client_cert', 'certificate'),
    configured(settings, 'client_key', 'private key'),
  ])
  if (client_cert !== undefined && client_key !== undefined) {
    checkPair(client_cert, client_key, 'workers: ', 'client_cert', 'client_key')
  }
  return { tls: secureContext({ authorities: authoritiesFrom(env), ca, client_cert, client_key }), tlsProblem }
}

async function configured(
  settings: WorkersSettings,
  key: 'ca' | 'client_cert' | 'client_key',
  kind: PemKind,
): Promise<string | undefined> {
  const path = settings[key]
  if (path === undefined) return undefined
  const read = await readPem(path, kind)
  if (read.problem === undefined) return read.text
  throw new ConfigurationError(`workers: ${key} ${read.problem}: ${path}`, { cause: read.cause, hint: read.hint })
}

/** In plain words, and with hints that name keys of `workers:`. */
function tlsProblem(error: unknown): ReturnType<QueueAccess['tlsProblem']> {
  const text = messageOf(error)
  if (/wrong version number|packet length too long/i.test(text)) return { message: 'its server does not speak TLS' }
  const problem = certificateProblem(errorCode(error), text, namesOf(error))
  if (problem?.hint === undefined) return problem
  return { message: problem.message, hint: HINTS[problem.hint] ?? problem.hint }
}

/** Those of registries name what only they have. */
const HINTS: Readonly<Record<string, string>> = {
  [UNKNOWN_AUTHORITY]:
    'add the certificate of its authority to those of this machine, to a file in SSL_CERT_FILE, or as `ca:` to `workers`',
  [CLIENT_CERTIFICATE]: 'the server may want a client certificate: `client_cert:` and `client_key:` of `workers`',
}
