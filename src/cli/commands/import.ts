/** `replicate config import`: the configuration on standard output, the warnings on standard error. */

import type { Format } from '../../config/import/import.ts'
import type { Unmapped } from '../../config/import/write.ts'
import { plural, printable } from '../render/format.ts'
import { jsonDocument } from '../render/json.ts'
import type { Session } from '../session.ts'

export interface ImportFlags {
  readonly from: Format
  readonly to?: string
  readonly scoped?: boolean
  readonly auth?: string
}

export async function importFile(session: Session, path: string, flags: ImportFlags): Promise<number> {
  const { readOne } = await import('../../config/read.ts')
  const { importConfiguration } = await import('../../config/import/import.ts')
  const { auth, ...rest } = flags
  const request = {
    ...rest,
    file: await readOne(path, session),
    ...(auth === undefined ? {} : { auth: await readOne(auth, session) }),
  }
  const types = await session.parts.adapters()
  const { yaml, unmapped } = importConfiguration(request, { cwd: session.cwd, types })
  session.stdout.write(session.json ? jsonDocument({ yaml, unmapped }) : yaml)
  if (!session.json && !session.quiet) session.stderr.write(unmappedText(session, unmapped))
  return 0
}

function unmappedText({ errorColors }: Session, unmapped: readonly Unmapped[]): string {
  if (unmapped.length === 0) return ''
  const lines = unmapped.flatMap(({ file, line, column, message, hint }) => [
    `${errorColors.bold(printable(`${file}:${line}:${column}`))}  ${printable(message)}`,
    `  ${printable(hint)}`,
  ])
  return [...lines, `${plural(unmapped.length, 'warning')}`].map((line) => `${line}\n`).join('')
}
