/** What is kept with an execution so that a later process can resume it, and how that process finds it again. */

import type { Configuration } from '../config/load.ts'
import { ConfigurationError } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import { isFinal } from '../core/states.ts'
import type { Again } from '../engine/run/again.ts'
import type { History } from '../history/history.ts'

/** Plain JSON. `Narrowing` are the options of the run that its plan depends on. */
export interface Origin<Narrowing> {
  /** The files that were named, absolute; `-` is standard input. */
  readonly files: readonly string[]
  /** The user's configuration beside them, where there was one. */
  readonly config?: string
  /** It applied a plan from a file, which cannot be made again. */
  readonly saved: boolean
  readonly narrowing: Narrowing
}

export function originText<N>(
  { files }: Pick<Configuration, 'files'>,
  narrowing: N,
  { saved }: { readonly saved: boolean },
): string {
  const config = files.find(({ fallback }) => fallback)?.path
  const named = files.filter(({ fallback }) => !fallback).map(({ path }) => path)
  const origin: Origin<N> = { files: named, ...(config === undefined ? {} : { config }), saved, narrowing }
  return JSON.stringify(origin)
}

/** True where the configuration was read from all the files of then. */
export function isOf({ files, config }: Origin<unknown>, configuration: Pick<Configuration, 'files'>): boolean {
  const read = new Set(configuration.files.map(({ path }) => path))
  return files.every((file) => file !== '-' && read.has(file)) && (config === undefined || read.has(config))
}

export interface Earlier<Narrowing> {
  /** As it was when the execution began, without what it calls: the addresses are secrets, which no history keeps. */
  readonly policy: Policy
  readonly lock: string
  readonly origin: Origin<Narrowing>
}

/** Throws a `ConfigurationError` where nothing is left to do, or the execution cannot be resumed. */
export function earlierExecution<N>(history: History, { how, execution: id }: Again): Earlier<N> {
  const { status, failed } = history.executions.get(id)
  if (!isFinal(status)) {
    const hint = `\`replicate executions stop ${id}\` ends it`
    throw new ConfigurationError(`execution ${id} is running`, { hint })
  }
  const { snapshot, lock, origin: text, prepared, left } = history.executions.beginning(id)
  if (lock === undefined || text === undefined) throw refused(id, 'an older version of replicate began it')
  // Both columns are our own, written when the execution began.
  const { prepare: _, notify: __, ...policy } = JSON.parse(snapshot) as Policy
  const origin = JSON.parse(text) as Origin<N>
  if (status === 'succeeded') throw refused(id, 'it has succeeded')
  if (!prepared) {
    if (how === 'retry') throw refused(id, 'it ended before its plan was made', `\`replicate executions resume ${id}\``)
    if (origin.saved) throw refused(id, 'it ended before it had read its plan', '`replicate run --plan`')
  } else if (how === 'retry' && left.failed + left.stopped === 0 && left.pending > 0) {
    throw refused(id, 'none of its tasks has failed', `\`replicate executions resume ${id}\``)
  } else if (left.failed + left.stopped + left.pending === 0 && (how === 'retry' || failed > 0)) {
    throw refused(id, failed > 0 ? 'what failed could not even be planned' : 'none of its tasks has failed')
  }
  return { policy, lock, origin }
}

/** The files of then, or what is named now in their place. Throws where they cannot be read again. */
export function filesAgain(id: number, { files }: Origin<unknown>, config: string | undefined): readonly string[] {
  if (!files.includes('-')) return files
  if (config !== undefined) return files.filter((file) => file !== '-')
  throw new ConfigurationError(`execution ${id} was run from standard input, which cannot be read again`, {
    hint: 'name a file that defines its registries with --config',
  })
}

function refused(id: number, why: string, instead = '`replicate run`'): ConfigurationError {
  return new ConfigurationError(`execution ${id} cannot be resumed or retried: ${why}`, {
    hint: `${instead} does what there is to do`,
  })
}
