/** One line of progress: cells, numbers and a name, fitted to a width. */

import { digestParts } from '../../core/descriptor.ts'
import { formatBytes } from '../../core/size.ts'
import type { BlobInFlight } from '../../core/tally.ts'
import type { Colors } from './colors.ts'
import { formatRate, formatTimeLeft, printable, truncate, truncateLeft } from './format.ts'
import type { Reading } from './meter.ts'

/** How many cells a bar has where there is room, and with how few it still is one. */
const MOST_CELLS = 24
const FEWEST_CELLS = 6
/** Below this width the numbers get what there is. */
const NARROW = 50
const GAP = '  '

/** `12/340  1.2 GiB of 4.0 GiB  23.6 MiB/s  2 min left`; at most `width` columns: what says least is left out first. */
export function progressText(reading: Reading, width = Number.POSITIVE_INFINITY): string {
  const { done, tasks, rate, remaining, failed, paused } = reading
  const speed = [
    ...(paused ? ['paused'] : rate === undefined ? [] : [formatRate(rate)]),
    ...(remaining === undefined ? [] : [`${formatTimeLeft(remaining)} left`]),
  ]
  const count = `${done}/${tasks}`
  const failures = failed > 0 ? [`${failed} failed`] : []
  const [bytes, shortBytes] = [bytesText(reading, false), bytesText(reading, true)]
  const texts = [
    [count, bytes, ...speed, ...failures],
    [count, shortBytes, ...speed, ...failures],
    [count, shortBytes, ...speed],
    [shortBytes, ...speed],
    speed,
  ].map((parts) => parts.join(GAP))
  return texts.find((text) => text.length <= width) ?? speed.join(GAP)
}

/** `1.2 GiB of 4.0 GiB`; in short `1.2 of 4.0 GiB`, where the unit is the same. */
function bytesText({ processed, bytes, isEstimate }: Reading, isShort: boolean): string {
  const [now, all] = [formatBytes(processed), formatBytes(bytes)]
  const [amount, unit = ''] = now.split(' ')
  const first = isShort && all.endsWith(` ${unit}`) ? amount : now
  return `${first} of ${isEstimate ? 'about ' : ''}${all}`
}

/** The line of the whole run, and how many cells it and the lines below it have. */
export function overallLine(reading: Reading, width: number, colors: Colors): { text: string; cells: number } {
  const text = progressText(reading, width < NARROW ? width : width - FEWEST_CELLS - GAP.length)
  const cells = cellsIn(width - text.length - GAP.length)
  const { bytes, processed, tasks, done } = reading
  const share = bytes > 0 ? processed / bytes : done / Math.max(1, tasks)
  return { text: barLine(share, text, cells, width, colors), cells }
}

/** The line of a blob. `isOneOfSeveral`: others of the same task are in flight, so its digest tells which it is. */
export function slotLine(
  { name, digest, size, bytes, worker }: BlobInFlight,
  isOneOfSeveral: boolean,
  cells: number,
  width: number,
  colors: Colors,
): string {
  const layer = isOneOfSeveral ? `${digestParts(digest).hex.slice(0, 12)}${GAP}` : ''
  const carrier = worker === undefined ? '' : `${printable(worker)}${GAP}`
  const numbers = `${formatBytes(bytes).padStart(10)} of ${formatBytes(size).padStart(10)}${GAP}${carrier}${layer}`
  const room = width - numbers.length - (cells > 0 ? cells + GAP.length : 0)
  const text = numbers + truncateLeft(printable(name), Math.max(0, room))
  return barLine(size > 0 ? bytes / size : 1, text.trimEnd(), cells, width, colors)
}

function cellsIn(room: number): number {
  return room < FEWEST_CELLS ? 0 : Math.min(MOST_CELLS, room)
}

/** `━━━━━╌╌╌╌  text`, cut to the width. */
function barLine(share: number, text: string, cells: number, width: number, colors: Colors): string {
  if (cells === 0) return truncate(text, width)
  const full = Math.round(Math.min(1, Math.max(0, share)) * cells)
  const bar = colors.green('━'.repeat(full)) + colors.dim('╌'.repeat(cells - full))
  return `${bar}${GAP}${truncate(text, Math.max(0, width - cells - GAP.length))}`
}
