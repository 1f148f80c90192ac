/** What a draft's check says, as a question repeats it. */

import { ConfigurationError } from '../core/errors.ts'

/** What is wrong, in one sentence; undefined where nothing is. */
export async function complaintOf(check: () => unknown): Promise<string | undefined> {
  try {
    await check()
    return undefined
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const { message = '', hint = error.hint } = error.problems[0] ?? {}
    return hint === undefined ? message : `${message}; ${hint}`
  }
}

export function filled(answer: string): string | undefined {
  return answer === '' ? 'it cannot be empty' : undefined
}
