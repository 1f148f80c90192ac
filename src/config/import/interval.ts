/** "Every so often" as a schedule. */

export interface Schedule {
  readonly cron: string
  /** False where cron has no such interval and this is the nearest. */
  readonly exact: boolean
}

/** Seconds to cron, with seconds first where they matter. */
export function scheduleEvery(seconds: number): Schedule {
  if (seconds < 60) return stepped(seconds, 60, (step) => `*/${step} * * * * *`, '* * * * *')
  if (seconds < 3600) return stepped(seconds / 60, 60, (step) => `*/${step} * * * *`, '0 * * * *')
  if (seconds < 86_400) return stepped(seconds / 3600, 24, (step) => `0 */${step} * * *`, '0 0 * * *')
  if (seconds < 2 * 86_400) return { cron: '0 0 * * *', exact: seconds === 86_400 }
  // Days of the month begin anew with each month.
  if (seconds < 604_800) return { cron: `0 0 */${Math.floor(seconds / 86_400)} * *`, exact: false }
  return { cron: '0 0 * * 0', exact: seconds === 604_800 }
}

/** The largest step that divides `whole` and is not longer than `amount`. */
function stepped(amount: number, whole: number, write: (step: number) => string, all: string): Schedule {
  let step = Math.max(1, Math.floor(amount))
  while (whole % step !== 0) step -= 1
  const cron = step === whole ? all : write(step).replace('*/1 ', '* ')
  return { cron, exact: step === amount }
}

const GO_UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }

/** A duration of Go, such as `1h30m`, in seconds; undefined if `text` is not one. */
export function goSeconds(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (GO_UNITS[unit ?? ''] ?? 0)
  }
  return total
}
