/** What tests of charts call. */

import { pathOfTool } from './tools.ts'

const CHARTS = ['helm', 'chartmuseum', 'gpg'] as const

/** What tests of charts need and this machine has not. */
export function missingHelm(): readonly string[] {
  return CHARTS.filter((name) => pathOfTool(name) === undefined)
}
