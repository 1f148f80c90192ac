/** Adds up the events of an execution: tasks, bytes, blobs in flight, how fast it goes and how long it takes. */

import type { Event, Stage } from '../../core/events.ts'
import { type BlobInFlight, createTally, type Figures } from '../../core/tally.ts'

/** What there is to show right now. Sizes in bytes. */
export interface Reading {
  readonly stage: Stage | undefined
  readonly tasks: number
  readonly done: number
  readonly failed: number
  /** To be sent by all tasks. */
  readonly bytes: number
  /** Not every task has begun, so that `bytes` says what they need if they are like those that have. */
  readonly isEstimate: boolean
  /** Of these bytes, what the destination has by now. */
  readonly processed: number
  readonly blobs: ReadonlyMap<string, BlobInFlight>
  readonly paused: boolean
  /** Bytes a second, of the last seconds; undefined where it is paused or too early to say. */
  readonly rate: number | undefined
  /** Milliseconds; undefined where nothing moves. */
  readonly remaining: number | undefined
}

/** How far an execution of another process is: what it says itself, and how many tasks it has. */
export interface Progress extends Partial<Figures> {
  readonly tasks: number
  readonly blobs?: readonly BlobInFlight[]
  readonly paused?: boolean
}

export interface Meter {
  add(event: Event): void
  /** In place of the events of plans and blobs; what is absent stays as it was. */
  set(progress: Progress): void
  read(): Reading
}

/** How far back the rate looks, in milliseconds. */
const WINDOW = 10_000
/** The time left is reckoned with the rate of a longer time, so that it does not jump with each burst. */
const LONGEST_WINDOW = 60_000
const SAMPLE_EVERY = 250
/** Earlier than this a rate says nothing. */
const SOONEST = 1000
export function createMeter(now: () => number): Meter {
  const tally = createTally()
  let told: { readonly figures: Figures; readonly blobs: ReadonlyMap<string, BlobInFlight> } | undefined
  let stage: Stage | undefined
  let paused = false
  let samples: { readonly time: number; readonly received: number }[] = []

  const figures = (): Figures => told?.figures ?? tally.figures

  function sample(): void {
    const time = now()
    const last = samples.at(-1)
    if (paused || (last && time - last.time < SAMPLE_EVERY)) return
    samples.push({ time, received: figures().received })
    // The last sample before the window stays, so that the average always spans all of it.
    while (samples.length > 2 && (samples[1]?.time ?? time) <= time - LONGEST_WINDOW) samples.shift()
  }

  /** Bytes a second over the last `window` milliseconds. */
  function rateOver(window: number): number | undefined {
    const time = now()
    const first = samples.findLast((one) => one.time <= time - window) ?? samples[0]
    if (paused || !first || time - first.time < SOONEST) return undefined
    return ((figures().received - first.received) * 1000) / (time - first.time)
  }

  function pause(isPaused: boolean): void {
    if (paused === isPaused) return
    paused = isPaused
    // The time of the pause, and what was measured before it, say nothing of the rate after it.
    samples = []
    sample()
  }

  return {
    add(event) {
      tally.add(event)
      switch (event.type) {
        case 'stage':
          stage = event.stage
          if (event.stage === 'transfer' && event.state === 'started') sample()
          break
        case 'paused':
          pause(event.paused)
          break
        case 'blob-progress':
          sample()
          break
      }
    },
    set({ tasks, blobs = [], paused: isPaused = false, ...rest }) {
      // Bytes from before the first reading say nothing about the current rate.
      if (figures().received === 0 && rest.received) samples = []
      told = { figures: { ...figures(), ...rest, tasks }, blobs: new Map(blobs.map((blob) => [blob.id, blob])) }
      pause(isPaused)
      sample()
    },
    read() {
      sample()
      const { tasks, bare, measured, bytes, settled } = figures()
      const { ended, failed } = tally.ends
      const senders = tasks - bare
      const blobs = told?.blobs ?? tally.blobs
      let processed = settled
      for (const blob of blobs.values()) processed += blob.bytes
      const isEstimate = measured < senders && bytes > 0
      const expected = Math.max(processed, isEstimate ? (bytes / Math.max(1, measured)) * senders : bytes)
      const rate = rateOver(WINDOW)
      const steady = rateOver(LONGEST_WINDOW)
      return {
        stage,
        tasks: Math.max(tasks, ended),
        done: ended,
        failed,
        bytes: expected,
        isEstimate,
        processed,
        blobs,
        paused,
        rate,
        remaining: rate && steady && expected > processed ? ((expected - processed) * 1000) / steady : undefined,
      }
    },
  }
}
