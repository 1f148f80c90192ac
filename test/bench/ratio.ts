/** How ours compares with the best of the others. */

import type { Measured } from './measure.ts'
import type { Tool } from './tools.ts'

export interface Result {
  readonly tool: Tool
  readonly result: Measured | undefined
}

/** A sentence for each of ours: against all, or, where bytes are the work, against those that hash as it does. */
export function ratioNotes(results: readonly Result[], bytes = false): readonly string[] {
  return results
    .filter(({ tool, result }) => tool.ours && result?.exitCode === 0)
    .map(({ tool, result }) => {
      const rivals = results.filter((other) => !other.tool.ours && other.result?.exitCode === 0)
      const peers = bytes && tool.hashes ? rivals.filter((other) => other.tool.hashes) : rivals
      const fastest = peers.toSorted((a, b) => (a.result?.wall ?? 0) - (b.result?.wall ?? 0))[0]
      if (!fastest?.result || !result) return `${tool.name}: nothing to compare with`
      const among = bytes && tool.hashes ? 'the fastest that hashes' : 'the fastest of all'
      return `${tool.name}: ${ratio(result.wall, fastest.result.wall)} the wall time of ${fastest.tool.name}, ${among}`
    })
}

/** `0.87 ×`. */
export function ratio(mine: number, theirs: number): string {
  return `${(mine / theirs).toFixed(2)} ×`
}
