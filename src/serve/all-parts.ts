/** The parts of the daemon beside its events, in the order in which they start. */

import { startApi } from './api/api.ts'
import { startGateway } from './gateway/gateway.ts'
import { startHealth } from './health/health.ts'
import { startHooks } from './hooks/hooks.ts'
import { startMetrics } from './metrics/metrics.ts'
import { startPage } from './page.ts'
import type { StartPart } from './parts.ts'
import { startPolls } from './poll/poll.ts'
import { startSchedules } from './schedule/schedule.ts'

export const ALL_PARTS: readonly StartPart[] = [
  startHealth,
  startMetrics,
  startSchedules,
  startPolls,
  startHooks,
  startGateway,
  startApi,
  startPage,
]
