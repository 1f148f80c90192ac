/** What the program lends for changing registries and policies: the same functions that commands use. */

import type { Edit } from '../../config/edit/edit.ts'
import type { Edited } from '../../config/edit/file.ts'
import type { Configuration } from '../../config/load.ts'
import type { PingStep } from '../../core/adapter.ts'
import type { Actor } from '../../core/audit.ts'
import type { Context } from '../../core/context.ts'
import type { Registry } from '../../core/registry.ts'

export type Kind = 'registries' | 'policies'

/** JSON as a file would have it. */
export type Plain = string | number | boolean | readonly Plain[] | { readonly [key: string]: Plain }

/** A secret that was typed in. */
export interface Entered {
  readonly type: 'basic' | 'token' | 'access_key' | 'service_account'
  readonly username?: string | undefined
  readonly secret: string
}

/** One that a server shows. */
export interface Certificate {
  /** Why it would be refused; null where it is trusted. */
  readonly distrust: string | null
  readonly subject: string
  readonly issuer: string
  readonly not_before: string
  readonly not_after: string
  readonly names: readonly string[]
  /** `AB:CD:…`, of the whole certificate. */
  readonly sha256: string
  /** That of the authority which signed it, where the server shows that too and it is not trusted: it can be trusted by itself. */
  readonly authority: { readonly subject: string; readonly sha256: string; readonly pem: string } | null
}

export interface EditRequest {
  readonly file: string
  readonly ifMatch?: string | undefined
  readonly dry: boolean
  /** A comment that tells of the edits, where they change anything. */
  readonly note?: Edit | undefined
  /** Asked before the file is written, also of a dry run: what it throws leaves the file alone. */
  readonly expect?: ((edited: Edited) => void) | undefined
  /** Who does it, for the record. */
  readonly by: Actor
}

/** Makes it as it was before, where what was to follow has failed. */
export type Undo = () => Promise<void>

export interface Desk {
  /** The files of the daemon as they are now; variables need not be set. They are parsed anew only where they have changed. */
  read(): Promise<Configuration>
  /** Where a new one is written. */
  readonly home: string
  etag(file: string): Promise<string>
  /** What the file says of it, as it stands there; undefined where it is not in that file. */
  written(kind: Kind, name: string, file: string): Promise<Plain | undefined>
  /** The YAML of it alone. */
  yaml(kind: Kind, name: string, value: Plain): string
  /** Throws a `ConfigurationError` that names all that is wrong. One at a time. */
  edit(edits: readonly Edit[], request: EditRequest): Promise<Edited>
  /** Of one that may not be written yet. `configuration` has it, and `ca` is the PEM of an authority to trust. */
  ping(
    registry: Registry,
    entered: { readonly credential?: Entered | undefined; readonly ca?: string | undefined },
    ctx: Context,
  ): Promise<readonly PingStep[]>
  /** What the server shows; undefined for one without TLS. Throws a `NetworkError`. */
  certificate(url: string, ctx: Context): Promise<Certificate | undefined>
  /** Undefined where this machine has no keychain. */
  keep(registry: Registry, entered: Entered): Promise<Undo | undefined>
  /** False where it had none. */
  forget(registry: string): Promise<boolean>
  /** Where an authority's certificate would be kept: nothing is written. */
  authorityPath(file: string, registry: string, pem: string): Promise<string>
  /** Keeps an authority's certificate beside the file; the path is relative to it. */
  keepAuthority(file: string, registry: string, pem: string): Promise<{ readonly path: string; readonly undo: Undo }>
}
