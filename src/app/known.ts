/** What a user may mean by a name, for the completion of commands: read fast, and nothing made, written or complained of. */

import { configuredNames } from '../config/names.ts'
import { homeDirectory, type PathOptions } from '../config/paths.ts'
import type { Execution } from '../core/execution.ts'

export interface Known {
  policies(): Promise<readonly string[]>
  registries(): Promise<readonly string[]>
  /** The newest first. */
  executions(): Promise<readonly Execution[]>
  adapters(): Promise<readonly { readonly identity: string; readonly name: string }[]>
}

const MOST_EXECUTIONS = 50

/** `files` are those that the line names. */
export function whatIsKnown(options: PathOptions, files: readonly string[]): Known {
  return {
    policies: async () => (await configuredNames(options, files)).policies,
    registries: async () => (await configuredNames(options, files)).registries,
    executions: async () => {
      const { openHistory } = await import('../history/history.ts')
      const history = await openHistory(homeDirectory(options), { readonly: true })
      try {
        return history.executions.list({ limit: MOST_EXECUTIONS })
      } finally {
        history.close()
      }
    },
    adapters: async () => (await import('../../adapters/index.ts')).adapters,
  }
}
