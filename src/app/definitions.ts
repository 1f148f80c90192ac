/** Keeps who defined what in the history. */

import type { Edited } from '../config/edit/file.ts'
import type { Configuration } from '../config/load.ts'
import type { Actor } from '../core/audit.ts'
import { HistoryError } from '../core/errors.ts'
import type { History } from '../history/history.ts'
import { shellUser } from './audit.ts'

/** After the file was written: a failure is said, and the file stays as it is. */
export async function noteEdit(
  { path, changes }: Pick<Edited, 'path' | 'changes'>,
  history: () => Promise<History>,
  warn: (text: string) => void,
  actor: Actor = shellUser(),
): Promise<void> {
  if (changes.length === 0) return
  try {
    const { definitions, audit } = await history()
    definitions.note(path, changes, actor.who)
    for (const { kind, name, what } of changes) audit.add(actor, { verb: what, noun: kind, name, detail: path })
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    warn(`who changed ${path} was not recorded: ${error.message}`)
  }
}

/** What was written into the files by hand is first seen now. A history that cannot be used is reported by what needs it. */
export async function noteSeen(configuration: Configuration, history: () => Promise<History>): Promise<void> {
  try {
    see(configuration, await history())
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
  }
}

function see(configuration: Configuration, { definitions }: History): void {
  const { files, policies, registries, policyFile, registryFile } = configuration
  const named = (names: Iterable<string>, fileOf: (name: string) => string | undefined) =>
    Map.groupBy(names, (name) => fileOf(name) ?? '-')
  const names = policies.map(({ name }) => name)
  const [policiesIn, registriesIn] = [named(names, policyFile), named(registries.keys(), registryFile)]
  for (const { path, fallback } of files) {
    // Of the user's configuration beside named files only a part is read.
    if (fallback || path === '-') continue
    definitions.seen(path, { policies: policiesIn.get(path) ?? [], registries: registriesIn.get(path) ?? [] })
  }
}
