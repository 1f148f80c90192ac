/** `replicate executions report`: one execution for a browser, a build server, a chat, or a program. */

import { stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigurationError } from '../../../core/errors.ts'
import { formatBytes } from '../../../core/size.ts'
import { checkReports, gather, renderReportAs } from '../../report.ts'
import type { Session } from '../../session.ts'

export interface ReportFlags {
  /** Files. */
  readonly html?: string
  readonly junit?: string
  /** On standard output. */
  readonly markdown?: boolean
}

/** Files and standard output may be asked for together. */
export async function report(session: Session, id: string, flags: ReportFlags): Promise<number> {
  const { html, junit, markdown = false } = flags
  if (html === undefined && junit === undefined && !markdown && !session.json) {
    throw new ConfigurationError('a report of which kind?', {
      hint: 'give --html FILE, --junit FILE, --markdown or --json',
    })
  }
  if (markdown && session.json)
    throw new ConfigurationError('--markdown and --json both go to standard output: give one')
  await checkReports(session, html, junit)
  const history = await (await session.app()).records()
  const executions = gather(history, [history.executions.resolveId(id)], html === undefined ? 'json' : 'html')
  for (const [kind, file] of [
    ['html', html],
    ['junit', junit],
  ] as const) {
    if (file === undefined) continue
    const path = resolve(session.cwd, file)
    const text = await renderReportAs(kind, executions, session.timer.now())
    await writeFile(path, text).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new ConfigurationError(`cannot write ${file}: ${reason}`, { cause })
    })
    if (!session.quiet) session.stderr.write(`wrote ${file}, ${formatBytes((await stat(path)).size)}\n`)
  }
  if (markdown || session.json) {
    session.stdout.write(await renderReportAs(markdown ? 'markdown' : 'json', executions, session.timer.now()))
  }
  return 0
}
