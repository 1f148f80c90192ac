/** Whom a connection trusts and as whom it shows itself, made once of certificates in PEM. */

import { createSecureContext, type SecureContext } from 'node:tls'
import { ConfigurationError } from '../../core/errors.ts'
import { type Authorities, machineTrust } from './authorities.ts'

export interface TrustOptions {
  /** Where the machine's authorities are read; default: where the system keeps them. */
  readonly authorities?: Authorities | undefined
  /** PEM texts, not paths. `ca` is trusted besides the machine's authorities. */
  readonly ca?: string | undefined
  readonly client_cert?: string | undefined
  readonly client_key?: string | undefined
}

const made = new Map<string, SecureContext>()

/** One for all connections of a thread that trust the same: each takes ten milliseconds to make. */
export function secureContext({ authorities, ca, client_cert, client_key }: TrustOptions): SecureContext {
  const key = JSON.stringify([authorities, ca, client_cert, client_key])
  const context = made.get(key) ?? create({ authorities, ca, client_cert, client_key })
  made.set(key, context)
  return context
}

function create({ authorities, ca, client_cert, client_key }: TrustOptions): SecureContext {
  const { certificates } = machineTrust(authorities)
  try {
    return createSecureContext({
      ca: ca === undefined ? [...certificates] : [...certificates, ca],
      // An authority below another one may be the one that is trusted, as it is for Docker and curl.
      allowPartialTrustChain: true,
      ...(client_cert === undefined ? {} : { cert: client_cert }),
      ...(client_key === undefined ? {} : { key: client_key }),
    })
  } catch (error) {
    throw new ConfigurationError('the certificates of the registry cannot be read', {
      cause: error,
      hint: '`ca:`, `client_cert:` and `client_key:` must be PEM files, the key without a passphrase',
    })
  }
}
