/** Says of a registry's refusal what it was that failed. */

import { RegistryError } from '../../core/errors.ts'

/** What `answer` resolves to; a `RegistryError` of it reads `cannot <what>: <why>`, and is otherwise the same. */
export async function doing<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw error instanceof RegistryError ? restated(error, `cannot ${what}: ${error.message}`) : error
  }
}

/** The same error in other words, with another hint where one is given. */
export function restated(error: RegistryError, message: string, hint = error.hint): RegistryError {
  const { status, method, path, codes, retryAfter } = error
  return new RegistryError(message, { status, method, path, codes, retryAfter, hint, cause: error })
}
