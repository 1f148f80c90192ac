/** Other people's tools, where they are installed. */

import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Undefined where it is not installed. */
export function pathOfTool(name: string): string | undefined {
  const places = [
    join(homedir(), '.local', 'share', 'replicate-test', 'bin'),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  return places.map((place) => join(place, name)).find(isExecutable)
}

/** What checks the deployments of the examples. */
export const CHECKERS = ['kubeconform', 'systemd-analyze'] as const

export function missingCheckers(): readonly string[] {
  return CHECKERS.filter((name) => pathOfTool(name) === undefined)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
