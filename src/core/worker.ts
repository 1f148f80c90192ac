/** A machine that takes tasks of runs, as it is shown: the fields of `--json` and the REST API, which are part of the interface. */

export interface ShownWorker {
  readonly name: string
  readonly host: string
  readonly version: string
  /** Tasks at once. */
  readonly concurrency: number
  /** That it does now. */
  readonly tasks: number
  readonly bytes_per_second: number
  /** RFC 3339. */
  readonly since: string
  /** It ends what it has, and takes nothing new. */
  readonly draining: boolean
}

/** The queue that a configuration names, and who takes tasks from it. */
export interface ShownQueue {
  /** The URL without a user or a password. */
  readonly queue: string
  readonly name: string
  readonly workers: readonly ShownWorker[]
}
