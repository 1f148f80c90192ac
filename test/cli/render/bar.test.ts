/** Lines of progress at any width. */

import { expect, test } from 'vitest'
import { overallLine, progressText, slotLine } from '../../../src/cli/render/bar.ts'
import { colorsFor } from '../../../src/cli/render/colors.ts'

const MiB = 1024 * 1024
const plain = colorsFor(false)
const reading = {
  stage: 'transfer',
  tasks: 340,
  done: 12,
  failed: 1,
  bytes: 4096 * MiB,
  isEstimate: false,
  processed: 1228.8 * MiB,
  blobs: new Map(),
  paused: false,
  rate: 23.6 * MiB,
  remaining: 121_500,
} as const
const blob = {
  id: '1',
  name: 'hub/television/very-huge:1.0',
  digest: `sha256:9f31c2a4b8d7${'0'.repeat(52)}`,
  size: 76.3 * MiB,
  bytes: 14.9 * MiB,
} as const

test('progress in one line has tasks, bytes, rate and the time left', () => {
  expect(progressText(reading)).toBe('12/340  1.2 GiB of 4.0 GiB  23.6 MiB/s  2 min 2 s left  1 failed')
  expect(progressText({ ...reading, isEstimate: true, failed: 0 })).toBe(
    '12/340  1.2 GiB of about 4.0 GiB  23.6 MiB/s  2 min 2 s left',
  )
  expect(progressText({ ...reading, failed: 0, remaining: 36_400 })).toContain('23.6 MiB/s  37 s left')
})

test('what is paused says so, and nothing of how fast it goes', () => {
  const paused = { ...reading, failed: 0, paused: true, rate: undefined, remaining: undefined }
  expect(progressText(paused)).toBe('12/340  1.2 GiB of 4.0 GiB  paused')
})

test.each([20, 30, 40, 60, 80, 100, 200])(
  'at %i columns a line fits, and neither rate nor time left is cut',
  (columns) => {
    const { text, cells } = overallLine(reading, columns - 1, plain)
    expect(text.length).toBeLessThan(columns)
    if (columns >= 30) expect(text).toContain('23.6 MiB/s  2 min 2 s left')
    const line = slotLine(blob, true, cells, columns - 1, plain)
    expect(line.length).toBeLessThan(columns)
    if (columns >= 100) expect(line).toContain('9f31c2a4b8d7  hub/television/very-huge:1.0')
  },
)

test('at 60 columns the bar gives up its cells, and a name its beginning', () => {
  const { text, cells } = overallLine({ ...reading, failed: 0 }, 59, plain)
  expect(text).toBe('━━╌╌╌╌╌  12/340  1.2 of 4.0 GiB  23.6 MiB/s  2 min 2 s left')
  expect(slotLine(blob, false, cells, 59, plain)).toBe('━╌╌╌╌╌╌    14.9 MiB of   76.3 MiB  …elevision/very-huge:1.0')
  expect(slotLine(blob, true, cells, 59, plain)).toBe('━╌╌╌╌╌╌    14.9 MiB of   76.3 MiB  9f31c2a4b8d7  …-huge:1.0')
})
