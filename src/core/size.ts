/** Sizes as people read them. */

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `47.1 MiB`; whole bytes below 1 KiB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`
  let value = bytes
  let unit: string = 'B'
  for (const next of UNITS) {
    // Not 1024: what rounds to 1024.0 belongs to the next unit.
    if (value < 1023.95 && unit !== 'B') break
    value /= 1024
    unit = next
  }
  return `${value.toFixed(1)} ${unit}`
}
