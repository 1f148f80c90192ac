/** Failures on their way from a worker to its coordinator, which records and retries them as its own. */

import {
  CommandError,
  ConfigurationError,
  CredentialError,
  type ErrorDetails,
  IntegrityError,
  NetworkError,
  onSide,
  PrepareError,
  RegistryError,
  ReplicateError,
  StorageError,
  UnsupportedError,
} from '../core/errors.ts'
import type { WireError } from './protocol.ts'

/** `redact` takes out what only the worker knows to be secret. */
export function toWire(error: unknown, redact: (text: string) => string): WireError {
  if (!(error instanceof ReplicateError)) {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined }
    return { code: 'bug', message: redact(message), ...(stack === undefined ? {} : { stack: redact(stack) }) }
  }
  const { code, hint, side, registry, exitCode, retryable } = error
  return {
    code,
    message: redact(error.message),
    exitCode,
    retryable,
    ...(hint === undefined ? {} : { hint: redact(hint) }),
    ...(side === undefined ? {} : { side }),
    ...(registry === undefined ? {} : { registry }),
    ...('missing' in error && typeof error.missing === 'boolean' ? { missing: error.missing } : {}),
    ...(error instanceof NetworkError ? { silent: error.silent } : {}),
    ...(error instanceof RegistryError ? answered(error, redact) : {}),
  }
}

function answered({ status, method, path, codes, retryAfter }: RegistryError, redact: (text: string) => string) {
  return { status, method, path: redact(path), codes: [...codes], ...(retryAfter === undefined ? {} : { retryAfter }) }
}

/** An error of the same class; a bug stays one. */
export function fromWire(wire: WireError): Error {
  const { code, side, registry } = wire
  const make = CLASSES[code]
  if (!make) {
    const bug = new Error(wire.message)
    if (wire.stack !== undefined) bug.stack = wire.stack
    return bug
  }
  const made = make(wire.message, wire, { hint: wire.hint })
  return side === undefined || registry === undefined ? made : onSide(made, side, registry)
}

type Make = (message: string, wire: WireError, details: ErrorDetails) => ReplicateError

const CLASSES: Readonly<Record<string, Make>> = {
  configuration: (message, _, details) => new ConfigurationError(message, details),
  unsupported: (message, _, details) => new UnsupportedError(message, details),
  credential: (message, { missing = false }, details) => new CredentialError(message, { ...details, missing }),
  registry: (message, { status = 0, method = '', path = '', codes = [], retryAfter, retryable = false }, details) =>
    new RegistryError(message, { ...details, status, method, path, codes, retryAfter, retryable }),
  network: (message, { retryable, silent }, details) => new NetworkError(message, { ...details, retryable, silent }),
  storage: (message, { missing = false }, details) => new StorageError(message, { ...details, missing }),
  integrity: (message, _, details) => new IntegrityError(message, details),
  prepare: (message, _, details) => new PrepareError(message, details),
  command: (message, _, details) => new CommandError(message, details),
}
