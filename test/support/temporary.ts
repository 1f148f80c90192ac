/** Directories for a test file, removed when its tests are done. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []

/** An absolute path, new on every call. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-test-'))
  made.push(directory)
  return directory
}

afterAll(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true })
})
