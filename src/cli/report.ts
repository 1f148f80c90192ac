/** Reports of executions: `--report` and `--summary` once a run has ended, and `executions report` at any time. */

import { appendFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { App, PolicyOutcome } from '../app/app.ts'
import { ConfigurationError, messageOf } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import type { History, LogLine } from '../history/history.ts'
import { jsonDocument } from './render/json.ts'
import { renderJunit } from './render/junit.ts'
import { renderMarkdown } from './render/markdown.ts'
import type { ReportedExecution, ReportedLogs } from './render/reported.ts'
import { headingOf, splitRate } from './render/summary.ts'
import type { Heading } from './render/view.ts'
import type { Session } from './session.ts'

interface ReportFlags {
  readonly report?: string
  readonly summary?: string
}

export type ReportKind = 'html' | 'junit' | 'markdown' | 'json'

/** Refuses a report that cannot be written before hours of work are done. */
export async function checkReports(session: Session, ...files: readonly (string | undefined)[]): Promise<void> {
  for (const file of files) {
    if (file === undefined) continue
    const path = resolve(session.cwd, file)
    const found = await stat(dirname(path)).catch(() => undefined)
    if (!found?.isDirectory()) throw new ConfigurationError(`cannot write ${file}: ${dirname(path)} is not a directory`)
    const there = await stat(path).catch(() => undefined)
    if (there?.isDirectory()) throw new ConfigurationError(`cannot write ${file}: it is a directory`)
  }
}

/** The exit status: 1 where a file could not be written, which standard error says; the outcomes stand. */
export async function writeReports(
  session: Session,
  app: App,
  outcomes: readonly PolicyOutcome[],
  flags: ReportFlags,
): Promise<number> {
  const job = session.env.GITHUB_STEP_SUMMARY
  if (flags.report === undefined && flags.summary === undefined && !job) return 0
  try {
    const ids = outcomes.flatMap(({ execution }) => (execution ? [execution.id] : []))
    const kind = kindOf(flags.report)
    const executions = gather(await app.records(), ids, kind)
    if (flags.report !== undefined) {
      await writeFile(resolve(session.cwd, flags.report), await renderReportAs(kind, executions, session.timer.now()))
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

/** For the textfile collector of Prometheus' node exporter, which may read at any moment: the file is replaced as a whole. The exit status as
 *  that of reports. */
export async function writeMetrics(
  session: Session,
  file: string | undefined,
  render: () => Promise<string>,
): Promise<number> {
  if (file === undefined) return 0
  const path = resolve(session.cwd, file)
  // The collector reads what ends in `.prom`.
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    await writeFile(unfinished, await render(), { mode: 0o644 })
    await rename(unfinished, path)
    return 0
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {})
    session.stderr.write(`error: the metrics were not written: ${messageOf(error)}\n`)
    return 1
  }
}

/** What a report of this kind shows of the executions. */
export function gather(history: History, ids: readonly number[], kind: ReportKind): readonly ReportedExecution[] {
  return ids.map((id) => ({
    execution: history.executions.get(id),
    tasks: [...history.tasks.list(id)],
    ...(kind === 'html' ? { logs: lastLines(history, id), heading: headingIn(history, id) } : {}),
  }))
}

/** `now` in milliseconds since 1970. */
export async function renderReportAs(
  kind: ReportKind,
  executions: readonly ReportedExecution[],
  now: number,
): Promise<string> {
  if (kind === 'html') return (await import('./render/report/report.ts')).renderReport(executions, now)
  if (kind === 'junit') return renderJunit(executions)
  if (kind === 'markdown') return renderMarkdown(executions)
  return jsonDocument({ executions: executions.map(({ execution, tasks }) => ({ ...execution, tasks })) })
}

/** By the file's ending, which the option has checked. */
function kindOf(file = ''): ReportKind {
  if (file.endsWith('.html')) return 'html'
  return file.endsWith('.xml') ? 'junit' : 'json'
}

/** More lines than this make a page slow. */
const MOST_LINES = 10_000

function headingIn(history: History, id: number): Heading {
  // Our own column, written when the execution began.
  return headingOf(JSON.parse(history.executions.beginning(id).snapshot) as Policy)
}

function lastLines(history: History, id: number): ReportedLogs {
  let rate: string | undefined
  let lines: LogLine[] = []
  let total = 0
  for (const line of history.logs.list(id, { level: 'info' })) {
    total += 1
    lines.push(line)
    const { event } = line
    if (event?.type === 'stage' && event.stage === 'transfer') rate = splitRate(event.text).rate ?? rate
    if (lines.length === 2 * MOST_LINES) lines = lines.slice(MOST_LINES)
  }
  return { lines: lines.slice(-MOST_LINES), total, rate }
}
