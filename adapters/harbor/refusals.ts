/** What to do about Harbor's refusals, by their words: the codes are the same for many. */

import { RegistryError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /exceed the configured upper limit/,
    "raise the project's storage quota (Administration → Project Quotas), or delete artifacts and run the garbage collection",
  ],
  [/configured as immutable/, "exclude the tag, set override: false, or change the project's tag immutability rules"],
  [/system is in read only mode/, 'an administrator has switched it to read only: run again when that is over'],
  [/artifact to a proxy project/, 'choose a project that is no proxy cache: destination.namespace'],
  [/deleting artifact is referenced by others/, 'it belongs to an index: delete that first'],
]

/** With a hint where Harbor's words are known. */
export function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  if (error.codes.includes('PROJECTPOLICYVIOLATION')) {
    const hint =
      "the project's deployment security keeps it from being pulled (vulnerabilities, or a missing signature)"
    return restated(error, error.message, hint)
  }
  const hint = HINTS.find(([words]) => words.test(error.message))?.[1]
  return hint === undefined ? error : restated(error, error.message, hint)
}

/** With distribution 3 behind it, a child that an index lacks is an artifact not found; otherwise, and to the copy, a blob unknown. */
export function missesChild(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryError &&
    error.status === 404 &&
    error.method === 'PUT' &&
    /artifact \S+@\S+ not found/.test(error.message)
  )
}

export function isImmutable(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 412 && /configured as immutable/.test(error.message)
}
