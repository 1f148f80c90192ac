/** A registry as the configuration defines it, or as a bare host implies it. */

import type { Problem } from './errors.ts'
import type { Secret } from './secret.ts'

export interface Limits {
  /** Open connections to this host. */
  readonly connections?: number
  readonly requests_per_second?: number
  /** Bytes a second. */
  readonly bandwidth?: number
  /** Pulls of the registry's allowance that are left to others. */
  readonly rate_limit_reserve?: number
  /** What happens when only the reserve is left; default `wait`. */
  readonly rate_limit?: 'wait' | 'fail'
  /** Milliseconds that a blob may stay silent while its connection lives; default 5 minutes. */
  readonly idle?: number
}

/** Where the secret of a registry comes from, as the file says it; secrets are already interpolated. */
export interface CredentialConfig {
  readonly type: 'basic' | 'token' | 'access_key' | 'service_account' | 'aws' | 'google' | 'azure' | 'anonymous'
  readonly username?: string
  readonly password?: string
  /** Absolute path of a file that holds the secret. */
  readonly password_file?: string
  /** Of `token`: the token; of `access_key`: that of a session. */
  readonly token?: string
}

export interface Registry {
  /** Its name in the file, or the host of a bare reference. */
  readonly name: string
  /** The adapter's identity. */
  readonly type: string
  /** With scheme and optional path prefix, without a trailing slash. Absent for `path` kinds. */
  readonly url?: string
  /** Absolute path of a directory or a tar, for `oci-layout`. */
  readonly path?: string
  readonly description?: string
  readonly insecure?: boolean
  /** Absolute paths of PEM files. */
  readonly ca?: string
  readonly client_cert?: string
  readonly client_key?: string
  /** Where the file names these three, for errors. */
  readonly written?: Readonly<Partial<Record<'ca' | 'client_cert' | 'client_key', Pick<Problem, 'position' | 'text'>>>>
  /** A proxy's URL; else the environment's. */
  readonly proxy?: string
  /** What its requests call this program. */
  readonly user_agent?: string
  readonly credential?: CredentialConfig
  readonly limits?: Limits
  /** Addresses, networks or host names, each with or without a port, that the registry may send this machine to although only this
   *  machine reaches them. */
  readonly allow_addresses?: readonly string[]
  /** What its webhooks prove themselves with; `none`: anybody may send them. Absent: they are refused. */
  readonly hook_secret?: Secret | 'none'
  /** A stranger's file gave it its name: what this machine keeps under that name is not for it. */
  readonly untrusted?: boolean
  /** What only its adapter knows, by the names of `AdapterType.options`. */
  readonly options?: Readonly<Record<string, OptionValue>>
}

/** The result of its last check. */
export interface RegistryStatus {
  readonly status: 'healthy' | 'unhealthy'
  /** Why it is unhealthy. */
  readonly reason: string | undefined
  /** The first check with this status after one with the other; of a registry that never changed its first check. RFC 3339. */
  readonly since: string
  /** RFC 3339. */
  readonly checked_at: string
}

/** A check with another status than the one before. */
export interface RegistryChange {
  readonly status: RegistryStatus['status']
  readonly reason: string | undefined
  /** RFC 3339. */
  readonly time: string
}

/** What the history knows it by, beside its name. */
export function placeOf({ url, path = '' }: Registry): string {
  return url ?? path
}

export type OptionValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>>

/** A credential that was found, and where. */
export type Credential = (SentCredential | CloudCredential) & {
  /** Those that are for some of the registry's repositories only. Of two that fit, the first counts. */
  readonly parts?: readonly PartCredential[]
}

export interface PartCredential {
  /** `team` or `team/app`: that repository, and all below it; empty: all. */
  readonly prefix: string
  readonly credential: SentCredential
}

/** What a registry's client can send; until `expires`, in milliseconds since 1970, where that is known. */
export type SentCredential = { readonly origin: string; readonly expires?: number } & (
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, to be exchanged at the token server. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A ready bearer token, sent as it is. */
  | { readonly kind: 'bearer'; readonly token: string }
)

/** What only an adapter can turn into something that a registry takes. */
export type CloudCredential = { readonly origin: string } & (
  | { readonly kind: 'access_key'; readonly id: string; readonly secret: string; readonly session?: string }
  /** A key file, as JSON. */
  | { readonly kind: 'service_account'; readonly key: string }
  /** The cloud's own chain: environment, profile, metadata service. */
  | { readonly kind: 'ambient' }
)

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** True for a host (with or without port) on this machine, where plain HTTP is the default. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}
