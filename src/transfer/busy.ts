/** Whether this process has all it can do, so that what can wait makes room for what someone waits for. */

import { performance } from 'node:perf_hooks'

/** Milliseconds that are looked at together. */
const WINDOW = 25
/** The part of them without a pause. */
const BUSY = 0.8

let since = performance.now()
let before = performance.eventLoopUtilization()
let busy = false

export function isBusy(): boolean {
  const now = performance.now()
  if (now - since < WINDOW) return busy
  const current = performance.eventLoopUtilization()
  busy = performance.eventLoopUtilization(current, before).utilization > BUSY
  since = now
  before = current
  return busy
}
