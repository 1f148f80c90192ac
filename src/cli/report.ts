/** `--report` and `--summary`: what ran, written to files once it has ended. */

import { appendFile, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { App, PolicyOutcome } from '../app.ts'
import { ConfigurationError } from '../core/errors.ts'
import { jsonDocument } from './render/json.ts'
import { type ReportedExecution, renderJunit } from './render/junit.ts'
import { renderMarkdown } from './render/markdown.ts'
import type { Session } from './session.ts'

interface ReportFlags {
  readonly report?: string
  readonly summary?: string
}

/** Refuses a report that could not be written, before hours of work are done. */
export async function checkReports(session: Session, flags: ReportFlags): Promise<void> {
  for (const file of [flags.report, flags.summary]) {
    if (file === undefined) continue
    const directory = dirname(resolve(session.cwd, file))
    const found = await stat(directory).catch(() => undefined)
    if (!found?.isDirectory()) throw new ConfigurationError(`cannot write ${file}: ${directory} is no directory`)
  }
}

/** The exit status: 1 where a file could not be written, which is said on standard error and hides no outcome. */
export async function writeReports(
  session: Session,
  app: App,
  outcomes: readonly PolicyOutcome[],
  flags: ReportFlags,
): Promise<number> {
  const job = session.env.GITHUB_STEP_SUMMARY
  if (flags.report === undefined && flags.summary === undefined && !job) return 0
  try {
    const executions = await gather(app, outcomes)
    if (flags.report !== undefined) {
      const text = flags.report.endsWith('.xml') ? renderJunit(executions) : jsonDocument(asJson(executions))
      await writeFile(resolve(session.cwd, flags.report), text)
    }
    const markdown = renderMarkdown(executions)
    if (flags.summary !== undefined) await writeFile(resolve(session.cwd, flags.summary), markdown)
    if (job) await appendFile(job, markdown)
    return 0
  } catch (error) {
    session.stderr.write(
      `error: the report was not written: ${error instanceof Error ? error.message : String(error)}\n`,
    )
    return 1
  }
}

async function gather(app: App, outcomes: readonly PolicyOutcome[]): Promise<readonly ReportedExecution[]> {
  const history = await app.history()
  return outcomes.flatMap(({ execution }) =>
    execution ? [{ execution, tasks: [...history.tasks(execution.id, {})] }] : [],
  )
}

function asJson(executions: readonly ReportedExecution[]): unknown {
  return { executions: executions.map(({ execution, tasks }) => ({ ...execution, tasks })) }
}
