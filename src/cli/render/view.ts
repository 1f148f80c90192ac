/** What shows a run while it happens: bars, lines or JSON, behind one interface. */

import type { PolicyOutcome } from '../../app/app.ts'
import type { Event } from '../../core/events.ts'
import type { Execution } from '../../core/execution.ts'
import type { Progress } from './meter.ts'

/** A policy as its heading shows it. */
export interface Heading {
  readonly policy: string
  readonly source: string
  readonly destination: string
}

/** One at a time: policies run one after another. */
export interface View {
  begin(heading: Heading, execution: Execution): void
  /** `time`: when it happened, in milliseconds since 1970; default now. */
  event(event: Event, time?: number): void
  /** How far an execution of another process is, in place of events of plans and blobs. */
  progress(progress: Progress): void
  end(outcome: PolicyOutcome): void
  /** Leaves the terminal as it was. May be called twice. */
  close(): void
}
