/** `replicate worker` takes tasks of other machines' runs; `replicate workers list` says who does. */

import type { ShownRun, WorkerNews } from '../../app/workers.ts'
import { plural } from '../../core/plural.ts'
import { formatBytes } from '../../core/size.ts'
import type { ShownWorker } from '../../core/worker.ts'
import type { WorkerFlags } from '../options.ts'
import { requestFields } from '../render/events.ts'
import { formatClock, formatDuration, formatRecent, printable } from '../render/format.ts'
import { jsonLine } from '../render/json.ts'
import { renderTable } from '../render/table.ts'
import { requestText } from '../render/told.ts'
import { print, type Session } from '../session.ts'

/** How long running tasks may take to end, in milliseconds. */
const DRAIN = 30_000
const CONCURRENCY = 8

export async function worker(session: Session, flags: WorkerFlags): Promise<number> {
  const { name, bandwidth, concurrency = CONCURRENCY, drain = DRAIN } = flags
  const app = await session.app()
  await app.work({ name, bandwidth, concurrency, drain, signal: session.signal, listen: (news) => tell(session, news) })
  return 0
}

/** The log goes to standard error, as objects to standard output. */
function tell(session: Session, news: WorkerNews): void {
  const { timer, json, quiet, stdout, stderr, errorColors: colors } = session
  if (json) {
    const about = news.type === 'request' ? { type: news.type, ...requestFields(news) } : news
    stdout.write(jsonLine({ ...about, time: new Date(timer.now()).toISOString() }))
    return
  }
  const isWarning = news.type === 'refused' || (news.type === 'log' && news.level === 'warning')
  if (quiet && !isWarning) return
  const text = printable(textOf(news))
  const shown = isWarning ? `${colors.yellow('warning:')} ${text}` : text
  stderr.write(`${colors.dim(formatClock(timer.now()))} ${shown}\n`)
}

function textOf(news: WorkerNews): string {
  switch (news.type) {
    case 'ready':
      return `worker ${news.name} takes tasks from ${news.queue}, ${news.concurrency} at once`
    case 'joined':
      return news.execution === null ? `reads blobs for ${runName(news)}` : `takes tasks of ${runName(news)}`
    case 'left':
      return news.execution === null
        ? `reads no more blobs for ${runName(news)}`
        : `takes no more tasks of ${runName(news)}`
    case 'refused':
      return news.execution === null
        ? `reads no blobs for ${runName(news)}: ${news.reason}`
        : `takes no tasks of ${news.execution === undefined ? `run ${news.run}` : runName(news)}: ${news.reason}`
    case 'task':
      return news.error === undefined ? `ended ${news.task}` : `failed ${news.task}: ${news.error}`
    case 'blob':
      return news.error === undefined ? `read ${news.blob}` : `failed ${news.blob}: ${news.error}`
    case 'request':
      return requestText(news)
    case 'log':
      return news.text
    case 'draining':
      return news.tasks === 0
        ? 'ends'
        : `takes nothing new, and ends once ${plural(news.tasks, 'task')} ended or ${formatDuration(news.within)} are over: others get what is left`
  }
}

/** `execution 7 (mirror) on build-1`, `the verification of mirror on build-1`. */
function runName({ execution, policy, host }: Partial<ShownRun>): string {
  return execution === null
    ? `the verification of ${policy} on ${host}`
    : `execution ${execution} (${policy}) on ${host}`
}

export async function list(session: Session): Promise<number> {
  const { workers } = await (await session.app()).workers(session.signal)
  print(session, workers, () =>
    workers.length === 0 ? 'no worker is there; `replicate worker` starts one\n' : workersTable(workers, session),
  )
  return 0
}

function workersTable(workers: readonly ShownWorker[], { stdout, colors, timer }: Session): string {
  const right = { align: 'right' } as const
  const now = timer.now()
  return renderTable(
    [
      { title: 'NAME' },
      { title: 'HOST', leave: 3 },
      { title: 'VERSION', leave: 2 },
      { title: 'TASKS', ...right },
      { title: 'RATE', ...right },
      { title: 'SINCE', leave: 1 },
    ],
    workers.map(({ name, host, version, concurrency, tasks, bytes_per_second, since, draining }) => [
      name,
      host,
      version,
      `${tasks}/${concurrency}${draining ? ' (ending)' : ''}`,
      `${formatBytes(bytes_per_second)}/s`,
      formatRecent(since, now),
    ]),
    stdout.columns,
    colors,
  )
}
