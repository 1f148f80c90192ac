/** Programs that tests call: found where they are installed. */

import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

const CHARTS = ['helm', 'chartmuseum', 'gpg'] as const

/** What tests of charts need and this machine has not. */
export function missingHelm(): readonly string[] {
  return CHARTS.filter((name) => pathOf(name) === undefined)
}

export function pathOf(name: string): string | undefined {
  const folders = [join(homedir(), '.local/share/replicate-test/bin'), ...(process.env.PATH ?? '').split(delimiter)]
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
