/** Notices that the queue's server does not answer, and says it once; says once, too, that it answers again. */

import { messageOf } from '../core/errors.ts'

export interface Contact {
  /** Something was answered. */
  answered(): void
  /** What was asked has failed: the reason is told with the loss. */
  failed(error: unknown): void
  /** Whether it answers, as far as is known. */
  readonly lost: boolean
  end(): void
}

/** In milliseconds. */
const SILENCE = 5000

export function watchContact(shown: string, tell: (level: 'warning' | 'info', text: string) => void): Contact {
  let last = performance.now()
  let lost = false
  let reason = ''
  const timer = setInterval(() => {
    if (lost || performance.now() - last < SILENCE) return
    lost = true
    tell('warning', `the queue at ${shown} does not answer${reason}: tasks that run go on, others wait until it does`)
  }, 1000)
  return {
    answered() {
      last = performance.now()
      reason = ''
      if (!lost) return
      lost = false
      tell('info', `the queue at ${shown} answers again`)
    },
    failed(error) {
      reason = ` (${messageOf(error)})`
    },
    get lost() {
      return lost
    },
    end: () => clearInterval(timer),
  }
}
