/** The configuration in force: replaced as a whole when it is read anew, and kept where the new one is broken. */

import type { Configuration } from '../../config/load.ts'
import { ConfigurationError, messageOf, placedProblems, ReplicateError } from '../../core/errors.ts'
import type { Current, Program, ServeNews } from '../parts.ts'
import { type FileStates, watchFiles } from './files.ts'

export interface InForce {
  readonly current: () => Current
  /** Reads it anew, after the reading that may be under way. Resolves once it was read. */
  reload(): Promise<void>
  /** Reads it anew whenever a file of it changes. Resolves once the signal is aborted. */
  watch(signal: AbortSignal): Promise<void>
}

export interface InForceOptions {
  readonly program: Program
  readonly first: Configuration
  /** How its files were before they were read. */
  readonly read: FileStates
  readonly tell: (news: ServeNews) => void
  /** Another one is in force. */
  readonly replaced: () => void
}

export function createInForce({ program, first, read: firstRead, tell, replaced }: InForceOptions): InForce {
  let current: Current = { configuration: first, settings: first.serve, broken: undefined }
  let reading: Promise<void> | undefined
  let again = false

  async function read(): Promise<void> {
    let read: Configuration
    try {
      read = await program.read()
    } catch (error) {
      if (!(error instanceof ReplicateError)) throw error
      const message = error instanceof ConfigurationError ? placedProblems(error) : messageOf(error)
      current = { ...current, broken: { message, since: new Date(program.clock.now()) } }
      tell({ type: 'reload_failed', message })
      return
    }
    const before = current.settings
    current = { configuration: read, settings: read.serve, broken: undefined }
    if (before.host !== read.serve.host || before.port !== read.serve.port || !before.tls !== !read.serve.tls) {
      const text = 'serve.listen has changed: the new address counts after a restart'
      tell({ type: 'log', level: 'warning', text })
    }
    tell({ type: 'reloaded', policies: read.policies.length })
    replaced()
  }

  /** One at a time; any number of wishes meanwhile are one. */
  function reload(): Promise<void> {
    again = true
    reading ??= readAll().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function readAll(): Promise<void> {
    while (again) {
      again = false
      await read()
    }
  }

  return {
    current: () => current,
    reload,
    watch: (signal) =>
      watchFiles({ files: program.files, read: firstRead, changed: reload, clock: program.clock, signal }),
  }
}
