/** The shells whose completion is tested, as far as they are installed. */

import { execFileSync } from 'node:child_process'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export function missingShells(): readonly Shell[] {
  return SHELLS.filter((name) => {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' })
      return false
    } catch {
      return true
    }
  })
}
