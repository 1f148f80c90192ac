/** Whose token it is: those of the configuration, or one that the daemon has made for the users of its machine. */

import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ServeSettings } from '../../../config/serve.ts'
import { hasCode } from '../../../core/errors.ts'
import { isLoopback } from '../../../core/registry.ts'
import type { Role } from '../../../core/role.ts'
import { isSameSecret } from '../../http/same.ts'

/** Who sends a request. */
export interface Caller {
  readonly name: string
  readonly role: Role
  /** Of a maintainer. */
  readonly namespaces?: readonly string[]
}

/** With the address that the request came from. */
export interface Sender extends Caller {
  readonly origin: string
}

export interface Holder extends Caller {
  readonly token: string
}

export interface Tokens {
  /** Undefined: nobody may use the API, since no token is configured and others than this machine's users reach it. */
  holders(): readonly Holder[] | undefined
  /** The holder of the token. */
  holderOf(token: string): Holder | undefined
  /** The token that was made, where none is configured. */
  readonly made: () => MadeToken | undefined
}

export interface MadeToken {
  readonly token: string
  readonly file: string
  /** It is of this start, and not of an earlier one. */
  readonly isNew: boolean
}

const FILE = 'api-token'

/** `history` is the file beside which the token that is made is kept. */
export function createTokens(settings: () => ServeSettings, history: string): Tokens {
  let kept: MadeToken | undefined

  function made(): MadeToken | undefined {
    const { tokens, host, behind_proxy } = settings()
    if (tokens || behind_proxy || !isLoopback(host)) return undefined
    kept ??= keptToken(join(dirname(history), FILE))
    return kept
  }

  function holders(): readonly Holder[] | undefined {
    const configured = settings().tokens
    if (configured) return configured.map(({ token, ...caller }) => ({ ...caller, token: token.reveal() }))
    const own = made()
    return own && [{ name: 'local', role: 'admin', token: own.token }]
  }

  return {
    holders,
    holderOf(token) {
      // Each is compared, so that the time tells nothing.
      const found = holders()?.filter((holder) => isSameSecret(token, holder.token)) ?? []
      return token === '' ? undefined : found[0]
    },
    made,
  }
}

/** One that survives a restart, so that pages that are open go on. Only its user can read the file. */
function keptToken(file: string): MadeToken {
  try {
    const token = readFileSync(file, 'utf8').trim()
    if (/^[\w-]{43}$/.test(token)) return { token, file, isNew: false }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
  const token = randomBytes(32).toString('base64url')
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  return { token, file, isNew: true }
}
