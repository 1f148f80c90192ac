/** Looks for texts, such as secrets, wherever a run leaves something. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The files below a directory that hold one of the texts, and `result` where what a run returned does. */
export function placesOf(texts: readonly string[], directory: string, result: unknown): readonly string[] {
  const holds = (content: string): boolean => texts.some((text) => content.includes(text))
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  if (files.length === 0) throw new Error(`nothing was left in ${directory}`)
  const found = files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => holds(readFileSync(file).toString('latin1')))
  return holds(JSON.stringify(result)) ? [...found, 'result'] : found
}
