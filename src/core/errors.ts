/** Every error this program throws on purpose: what failed, on which side, why, and what to do next. */

export type Side = 'source' | 'destination'

export interface ErrorDetails {
  readonly cause?: unknown
  /** What the user can do next, one sentence without a full stop. */
  readonly hint?: string | undefined
}

/** The base of all of them. Anything else that is thrown is a bug, shown with its stack. */
export abstract class ReplicateError extends Error {
  /** Stable, lower case, for `--json`, logs and the history. */
  abstract readonly code: string
  /** The exit status when this error ends the program. */
  readonly exitCode: number = 1
  /** Whether the same request may succeed when it is sent again later. */
  readonly retryable: boolean = false
  readonly hint: string | undefined
  /** Of an error that `onSide` returned: where it happened. */
  readonly side: Side | undefined
  /** The registry's name in the configuration or its host. */
  readonly registry: string | undefined

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.hint = details.hint
  }
}

/** A place in a YAML file: 1-based line and column. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One thing that is wrong with the configuration. */
export interface Problem {
  readonly message: string
  readonly position?: Position
  /** The offending line as it stands in the file. */
  readonly text?: string
  readonly hint?: string
  /** The keys that lead to it, where it stands in a file. */
  readonly path?: readonly (string | number)[]
  /** `scope_conflict`: two policies would own one namespace. */
  readonly kind?: 'scope_conflict'
}

/** Bad configuration or usage; holds everything that is wrong at once. Nothing has been contacted. */
export class ConfigurationError extends ReplicateError {
  readonly code = 'configuration'
  override readonly exitCode = 2
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[] | string, details: ErrorDetails = {}) {
    const list = typeof problems === 'string' ? [{ message: problems }] : problems
    super(list.map((problem) => problem.message).join('\n'), details)
    this.problems = list
  }
}

/** Somebody else has changed the file since the editor has read it. */
export class StaleEditError extends ConfigurationError {}

/** This process may not write the file, such as a ConfigMap. */
export class ReadonlyFileError extends ConfigurationError {}

/** A line for each problem, with its place: `policy.yaml:3:5 unknown key \`sorce\`; did you mean \`source\`?` */
export function placedProblems({ problems }: ConfigurationError): string {
  const lines = problems.map(({ message, position, hint }) => {
    const place = position ? `${position.file}:${position.line}:${position.column} ` : ''
    return `${place}${message}${hint === undefined ? '' : `; ${hint}`}`
  })
  return lines.join('\n')
}

/** A policy needs what an adapter, or this version, cannot do. */
export class UnsupportedError extends ReplicateError {
  readonly code = 'unsupported'
  override readonly exitCode = 2
}

/** The registry, or its token server, refused the credential, or no credential was found. */
export class CredentialError extends ReplicateError {
  readonly code = 'credential'
  override readonly exitCode = 3
  /** No credential was sent, and one is needed. */
  readonly missing: boolean
  constructor(message: string, details: ErrorDetails & { readonly missing?: boolean } = {}) {
    super(message, details)
    this.missing = details.missing ?? false
  }
}

export interface RegistryErrorDetails extends ErrorDetails {
  readonly status: number
  readonly method: string
  /** Path and query without secrets. */
  readonly path: string
  /** The error codes of the registry's answer, such as `MANIFEST_UNKNOWN`. */
  readonly codes?: readonly string[]
  /** Milliseconds to wait before another attempt, as the registry asked. */
  readonly retryAfter?: number | undefined
  /** Default: what the status says. */
  readonly retryable?: boolean
}

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

/** A registry answered, and said no. */
export class RegistryError extends ReplicateError {
  readonly code = 'registry'
  override readonly retryable: boolean
  readonly status: number
  readonly method: string
  readonly path: string
  readonly codes: readonly string[]
  readonly retryAfter: number | undefined
  constructor(message: string, details: RegistryErrorDetails) {
    super(message, details)
    this.status = details.status
    this.method = details.method
    this.path = details.path
    this.codes = details.codes ?? []
    this.retryAfter = details.retryAfter
    this.retryable = details.retryable ?? RETRYABLE_STATUS.has(details.status)
  }
}

export interface NetworkErrorDetails extends ErrorDetails {
  /** Default true. */
  readonly retryable?: boolean | undefined
  readonly silent?: boolean | undefined
}

/** No answer, or a broken one: refused, reset, timed out, silent. */
export class NetworkError extends ReplicateError {
  readonly code = 'network'
  override readonly exitCode = 3
  override readonly retryable: boolean
  /** Nothing came for as long as is waited: a further attempt costs that time again. */
  readonly silent: boolean
  constructor(message: string, details: NetworkErrorDetails = {}) {
    super(message, details)
    this.retryable = details.retryable ?? true
    this.silent = details.silent ?? false
  }
}

/** A local file or directory could not be read or written, or is not there. */
export class StorageError extends ReplicateError {
  readonly code = 'storage'
  override readonly exitCode = 3
  /** What was asked for does not exist; anything else that goes wrong is worth a look. */
  readonly missing: boolean
  constructor(message: string, details: ErrorDetails & { readonly missing?: boolean } = {}) {
    super(message, details)
    this.missing = details.missing ?? false
  }
}

/** Bytes are not what their digest or length says. Names both. */
export class IntegrityError extends ReplicateError {
  readonly code = 'integrity'
}

/** The policy is running in another process. */
export class LockedError extends ReplicateError {
  readonly code = 'locked'
  override readonly exitCode = 5
  /** The execution that holds the lock, where one does. */
  readonly execution: number | undefined
  constructor(message: string, details: ErrorDetails & { readonly execution?: number } = {}) {
    super(message, details)
    this.execution = details.execution
  }
}

/** Stopped on purpose: by a signal (`exitCode` 130 or 143), by `executions stop` (4) or by a time limit (1). */
export class CancelledError extends ReplicateError {
  readonly code = 'cancelled'
  override readonly exitCode: number
  constructor(message: string, exitCode: number, details: ErrorDetails = {}) {
    super(message, details)
    this.exitCode = exitCode
  }
}

/** A connection was let go because the run is paused: what broke off is continued once it goes on. Never leaves the transfer. */
export class PausedError extends ReplicateError {
  readonly code = 'paused'
}

/** The execution could not be prepared; nothing was copied. */
export class PrepareError extends ReplicateError {
  readonly code = 'prepare'
  override readonly exitCode = 3
}

/** The queue that tasks are given to cannot be relied on, or no worker can do what it is given. */
export class QueueError extends ReplicateError {
  readonly code = 'queue'
  override readonly exitCode = 3
}

/** A program outside that does a task says that it failed, says what is not so, or says nothing any more. */
export class RunnerError extends ReplicateError {
  readonly code = 'runner'
  override readonly retryable = true
}

/** A command that the configuration names could not be started, or ended badly. */
export class CommandError extends ReplicateError {
  readonly code = 'command'
}

/** The history's file is damaged, newer than this program, or not accessible. */
export class HistoryError extends ReplicateError {
  readonly code = 'history'
  override readonly exitCode = 2
  /** What was asked for is not in it. */
  readonly missing: boolean
  constructor(message: string, details: ErrorDetails & { readonly missing?: boolean } = {}) {
    super(message, details)
    this.missing = details.missing ?? false
  }
}

const OUTSIDE = [CancelledError, LockedError, HistoryError, PausedError] as const

/** The same error with its side and registry, as a new one whose cause is the given one: that may also have been given to a task which sees
 *  it from the other side. An error that has a side keeps it. What ends a run from outside (an aborted signal's reason, a history that
 *  cannot be written) passes both sides and belongs to neither. */
export function onSide<T>(error: T, side: Side, registry: string): T {
  const isOutside = OUTSIDE.some((kind) => error instanceof kind)
  if (!(error instanceof ReplicateError) || isOutside || error.side) return error
  return about(error, { side, registry })
}

/** What ends a command before it has done anything: as a new error, whose exit status says so whatever has failed. Stopped on purpose, or
 *  for a file of this machine that is wrong, it keeps the status of that. */
export function notBegun(error: unknown): unknown {
  if (!(error instanceof ReplicateError) || OF_ITS_OWN.some((kind) => error instanceof kind)) return error
  return error.exitCode >= NOT_BEGUN ? error : about(error, { exitCode: NOT_BEGUN })
}

const OF_ITS_OWN = [CancelledError, ConfigurationError] as const

const NOT_BEGUN = 3

/** A new error of the same class that says `more`. */
function about<E extends ReplicateError>(error: E, more: Partial<ReplicateError>): E {
  const { message, stack } = error
  const hidden = { message, stack, cause: error }
  const made = Object.assign(Object.create(Object.getPrototypeOf(error)), error, more)
  for (const [key, value] of Object.entries(hidden)) Object.defineProperty(made, key, { value, writable: true })
  return made
}

/** True where a registry or a layout says that what was asked for is not there. */
export function isNotFound(error: unknown): error is RegistryError | StorageError {
  return error instanceof StorageError ? error.missing : error instanceof RegistryError && error.status === 404
}

/** True where a registry does not allow it. Docker Hub, Quay and others also answer so for a repository that does not exist. */
export function isForbidden(error: unknown): error is CredentialError | RegistryError {
  return error instanceof CredentialError || (error instanceof RegistryError && [401, 403].includes(error.status))
}

/** What servers answer where they do not know an API, a method or a media type: "not here", however they put it. */
export const ABSENT: readonly number[] = [404, 405, 406, 415, 501]

/** True where the registry says that it has no such thing or no such API. */
export function isAbsent(error: unknown): error is RegistryError {
  return error instanceof RegistryError && ABSENT.includes(error.status)
}

/** What it has in common with failures that need the same cure: `403 DENIED by hub`; undefined where only its message says that. */
export function kindOf(error: unknown): string | undefined {
  if (!(error instanceof ReplicateError) || error.registry === undefined) return undefined
  const { registry } = error
  if (error instanceof RegistryError) return `${[error.status, ...error.codes.slice(0, 1)].join(' ')} by ${registry}`
  if (error instanceof CredentialError)
    return `${error.missing ? 'no credential for' : 'credential refused by'} ${registry}`
  if (error instanceof NetworkError) return `no usable answer from ${registry}`
  return error instanceof IntegrityError ? `wrong content at ${registry}` : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code of an error of Node's, such as `ENOENT`; empty if the error has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errorCode(error))
}

/** The one sentence for people: side and registry, what, and why. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!(error instanceof ReplicateError) || !error.side) return error.message
  return `${error.side} ${error.registry ?? ''}`.trimEnd().concat(': ', error.message)
}
