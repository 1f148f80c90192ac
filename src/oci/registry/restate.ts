/** Adds to a registry's refusal what was attempted. */

import { RegistryError } from '../../core/errors.ts'

/** Resolves as `answer` does. A `RegistryError` becomes `cannot <what>: <why>` and is otherwise the same. */
export async function doing<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw error instanceof RegistryError ? restated(error, `cannot ${what}: ${error.message}`) : error
  }
}

/** The same error with another message, and another hint if one is given. */
export function restated(error: RegistryError, message: string, hint = error.hint): RegistryError {
  const { status, method, path, codes, retryAfter } = error
  return new RegistryError(message, { status, method, path, codes, retryAfter, hint, cause: error })
}
