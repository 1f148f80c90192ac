/** What the keys in Redis are called. */

import type { WorkersSettings } from '../config/workers.ts'

export interface Keys {
  /** Of BullMQ's own keys. */
  readonly prefix: string
  /** A sorted set: ids of runs, by when they began. */
  readonly runs: string
  /** A sorted set: ids of workers, by when they came. */
  readonly workers: string
  /** What the keys of all that is shared begin with. */
  readonly shared: string
  readonly worker: (id: string) => string
  readonly run: (id: string) => RunKeys
}

export interface RunKeys {
  /** BullMQ's queue, one for each run: no run stands behind the tasks of another. */
  readonly queue: string
  /** The record, which expires with its coordinator. */
  readonly record: string
  /** A hash: why workers do not take its tasks, by their ids. */
  readonly lacks: string
  /** A stream of batches of events. */
  readonly told: string
  /** Where blobs of the run are, as its workers have brought them (`shared/blobs.ts`). */
  readonly homes: string
}

export function keysOf({ prefix, name }: Pick<WorkersSettings, 'prefix' | 'name'>): Keys {
  const base = `${prefix}:${name}`
  return {
    prefix,
    runs: `${base}:runs`,
    workers: `${base}:workers`,
    shared: base,
    worker: (id) => `${base}:worker:${id}`,
    run: (id) => ({
      queue: `${name}-${id}`,
      record: `${base}:run:${id}`,
      lacks: `${base}:run:${id}:lacks`,
      told: `${base}:run:${id}:told`,
      homes: `${base}:homes:${id}`,
    }),
  }
}
