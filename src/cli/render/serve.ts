/** What `replicate serve` says: a line with its time for each thing that happens, or one JSON object. */

import type { ServeNews } from '../../app/app.ts'
import type { PolicyOutcome } from '../../core/requests.ts'
import type { Session } from '../session.ts'
import { errorLines, renderError } from './error.ts'
import { createFailures } from './failures.ts'
import { formatDuration, formatTime, plural, printable } from './format.ts'
import { jsonLine } from './json.ts'
import { statusWords } from './summary.ts'
import { eventText } from './told.ts'

export type ServeView = (news: ServeNews) => void

export function serveView(session: Session): ServeView {
  return session.json ? jsonServeView(session) : lineServeView(session)
}

function jsonServeView({ stdout, timer }: Session): ServeView {
  const write = (type: string, fields: object): void =>
    stdout.write(jsonLine({ type, time: new Date(timer.now()).toISOString(), ...fields }))
  return (news) => {
    switch (news.type) {
      case 'execution_started':
        return write('execution_started', { execution: news.execution })
      case 'execution_ended': {
        const { policy, trigger, outcome } = news
        const [error = null] = outcome.error === undefined ? [] : errorLines(outcome.error)
        const { execution = null, exitCode } = outcome
        return write('execution_ended', { policy, trigger, exit_code: exitCode, execution, error })
      }
      case 'execution_event': {
        const { event, execution, policy } = news
        if (event.type === 'log' && (event.level === 'warning' || event.level === 'error')) {
          const { level, text, task = null } = event
          return write('log', { level, text, execution_id: execution, policy, task_id: task })
        }
        if (event.type === 'waiting' && event.stuck) {
          write('log', { level: 'warning', text: event.reason, execution_id: execution, policy, task_id: null })
        }
        if (event.type === 'task') write('task', { ...event.task })
        return
      }
      case 'token':
        return write('token', { url: news.url, file: news.file })
      default: {
        const { type, ...fields } = news
        return write(type, fields)
      }
    }
  }
}

function lineServeView({ stderr, errorColors: colors, quiet, verbose, timer }: Session): ServeView {
  const say = (text: string): void => {
    stderr.write(`${colors.dim(formatTime(new Date(timer.now()).toISOString()))} ${text}\n`)
  }
  const tell = (text: string): void => {
    if (!quiet) say(printable(text))
  }
  const warn = (text: string): void => {
    if (!quiet) say(`${colors.yellow('warning:')} ${printable(text)}`)
  }
  const complain = (text: string): void => say(`${colors.red('error:')} ${printable(text)}`)

  function ended(policy: string, { execution, error, exitCode }: PolicyOutcome): void {
    const name = execution ? `execution ${execution.id}  ${policy}` : policy
    const status = execution ? statusWords(execution.status) : 'not begun'
    if (exitCode === 0 && execution) {
      const took = execution.duration_ms === null ? '' : ` in ${formatDuration(execution.duration_ms)}`
      tell(`${name}  ${status}${took}: ${plural(execution.succeed, 'task')}, ${execution.unchanged} unchanged`)
    } else {
      const failed = execution?.failed ? `: ${plural(execution.failed, 'task')} failed` : ''
      say(`${printable(name)}  ${colors.red(status)}${failed}`)
      if (error !== undefined) stderr.write(renderError(error, colors))
    }
  }

  return (news) => {
    switch (news.type) {
      case 'listening':
        return tell(`listening on ${news.url}`)
      case 'token':
        return tell(addressText(news, stderr.isTerminal))
      case 'draining':
        return tell(
          `ending: ${plural(news.running, 'execution')} may end what runs within ${formatDuration(news.within)}`,
        )
      case 'ended':
        return tell('ended')
      case 'execution_started': {
        const { id, policy, trigger } = news.execution
        return tell(`execution ${id}  ${policy}  started (${trigger})`)
      }
      case 'execution_ended':
        return ended(news.policy, news.outcome)
      case 'execution_event': {
        const { event } = news
        const isFailure = event.type === 'task' && event.task.status === 'failed'
        const isStuck = event.type === 'waiting' && event.stuck === true
        if (!isStuck && (quiet || (verbose === 0 && !isFailure && event.type !== 'log'))) return
        const failures = createFailures(colors)
        const scene = {
          colors,
          verbose,
          columns: Number.POSITIVE_INFINITY,
          plain: false,
          failures,
          time: timer.now(),
        }
        const text = eventText(event, { ...scene, verbose: Math.max(0, verbose - 1) })
        if (text !== undefined) say(`[${news.execution}] ${text.trimEnd()}`)
        return
      }
      case 'wish_left':
        return tell(`${news.policy}: not started (${news.trigger}): ${news.reason}`)
      case 'registry_changed':
        return news.healthy
          ? tell(`registry ${news.registry} is healthy`)
          : warn(`registry ${news.registry}: ${news.reason ?? 'unhealthy'}`)
      case 'reloaded':
        return tell(`configuration reloaded: ${plural(news.policies, 'policy', 'policies')}`)
      case 'reload_failed':
        complain('the configuration could not be reloaded; the one before stays in force')
        for (const line of news.message.split('\n')) complain(line)
        return
      case 'log':
        if (news.level === 'error') return complain(news.text)
        return news.level === 'warning' ? warn(news.text) : tell(news.text)
      case 'delivery':
        return verbose > 0
          ? tell(`hook of ${news.registry}: ${news.status}, ${plural(news.events, 'event')}`)
          : undefined
      case 'polled':
        // That it begins to fail is logged once.
        if (verbose === 0) return
        return news.error === undefined
          ? tell(`${news.policy}: polled, ${plural(news.events, 'event')}`)
          : warn(`${news.policy}: not polled: ${news.error}`)
      case 'gateway':
        return
    }
  }
}

/** The token itself is shown to a person only: a log is read by others. */
function addressText({ url, token, file }: Extract<ServeNews, { type: 'token' }>, isTerminal: boolean): string {
  const fragment = isTerminal ? `#token=${token}` : ''
  return `the page: ${url}/${fragment} (its token is in ${file})`
}
