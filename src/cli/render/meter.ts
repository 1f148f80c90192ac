/** Adds up the events of an execution: tasks, bytes, blobs in flight, and how fast it goes. */

import type { Event, Stage } from '../../core/events.ts'

export interface BlobInFlight {
  readonly name: string
  readonly size: number
  readonly bytes: number
}

/** What there is to show right now. Sizes in bytes. */
export interface Reading {
  readonly stage: Stage | undefined
  readonly tasks: number
  readonly done: number
  readonly failed: number
  readonly bytes: number
  /** Copied, mounted and already there, blobs in flight included. */
  readonly processed: number
  readonly blobs: ReadonlyMap<string, BlobInFlight>
  /** Bytes a second, of the last seconds. */
  readonly rate: number
  /** Milliseconds; undefined where nothing moves. */
  readonly remaining: number | undefined
}

/** How far an execution of another process is: what it says itself, and how many tasks it has. Sizes in bytes. */
export interface Progress {
  readonly tasks: number
  readonly bytes?: number
  readonly settled?: number
  readonly received?: number
  readonly blobs?: readonly (BlobInFlight & { readonly id: string })[]
}

export interface Meter {
  add(event: Event): void
  /** In place of the events of plans and blobs; what is absent stays as it was. */
  set(progress: Progress): void
  read(): Reading
}

/** The moving average looks this far back, in milliseconds. */
const WINDOW = 10_000
const SAMPLE_EVERY = 250
const FINAL = new Set(['succeeded', 'failed', 'stopped', 'skipped'])

export function createMeter(now: () => number): Meter {
  let stage: Stage | undefined
  let tasks = 0
  let bytes = 0
  let settled = 0
  let received = 0
  const finished = new Map<number, string>()
  const blobs = new Map<string, BlobInFlight>()
  const samples: { readonly time: number; readonly received: number }[] = []

  const sample = (): void => {
    const time = now()
    const last = samples.at(-1)
    if (last && time - last.time < SAMPLE_EVERY) return
    samples.push({ time, received })
    // The last sample before the window stays, so that the average always spans all of it.
    while (samples.length > 2 && (samples[1]?.time ?? time) <= time - WINDOW) samples.shift()
  }

  const endBlob = (id: string, outcome: 'copied' | 'mounted' | 'present' | 'failed', size: number): void => {
    blobs.delete(id)
    if (outcome !== 'failed') settled += size
  }

  return {
    add(event) {
      switch (event.type) {
        case 'stage':
          stage = event.stage
          if (event.stage === 'transfer' && event.state === 'started') sample()
          break
        case 'planned':
          // Each says what it adds: graphs are known one after another.
          tasks += event.tasks
          bytes += event.bytes
          break
        case 'task':
          if (FINAL.has(event.task.status)) finished.set(event.task.id, event.task.status)
          else finished.delete(event.task.id)
          break
        case 'blob-started':
          blobs.set(event.id, { name: event.name, size: event.size, bytes: 0 })
          break
        case 'blob-progress': {
          const blob = blobs.get(event.id)
          if (!blob) break
          // A blob that is begun again counts from where it is; bytes that arrived twice count twice.
          received += event.bytes >= blob.bytes ? event.bytes - blob.bytes : event.bytes
          blobs.set(event.id, { ...blob, bytes: event.bytes })
          sample()
          break
        }
        case 'blob-ended':
          endBlob(event.id, event.outcome, event.size)
          break
      }
    },
    set(progress) {
      tasks = progress.tasks
      bytes = progress.bytes ?? bytes
      settled = progress.settled ?? settled
      if (progress.received !== undefined) {
        // Bytes from before the first reading say nothing about the current rate.
        if (received === 0) samples.length = 0
        received = progress.received
      }
      blobs.clear()
      for (const { id, ...blob } of progress.blobs ?? []) blobs.set(id, blob)
      sample()
    },
    read() {
      sample()
      const time = now()
      const first = samples[0]
      const rate = first && time > first.time ? ((received - first.received) * 1000) / (time - first.time) : 0
      let inFlight = 0
      for (const blob of blobs.values()) inFlight += blob.bytes
      const processed = settled + inFlight
      const left = Math.max(0, bytes - processed)
      let failed = 0
      for (const status of finished.values()) if (status === 'failed') failed += 1
      return {
        stage,
        tasks: Math.max(tasks, finished.size),
        done: finished.size,
        failed,
        bytes: Math.max(bytes, processed),
        processed,
        blobs,
        rate,
        remaining: rate > 0 && left > 0 ? (left * 1000) / rate : undefined,
      }
    },
  }
}
