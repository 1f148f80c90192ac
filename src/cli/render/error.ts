/** Errors as people read them, and as `--json` prints them. */

import {
  CancelledError,
  ConfigurationError,
  describeError,
  errorCode,
  type Problem,
  ReplicateError,
} from '../../core/errors.ts'
import type { Colors } from './colors.ts'
import { printable, printableLines } from './format.ts'

/** Text for standard error, ended: message and hint; every problem of a configuration; a bug with its stack. */
export function renderError(error: unknown, colors: Colors): string {
  if (error instanceof ConfigurationError) return renderProblems(error, colors)
  if (error instanceof ReplicateError) {
    const lines = [`${colors.red('error:')} ${printable(describeError(error))}`]
    if (error.hint) lines.push(`  ${printable(error.hint)}`)
    return end(lines)
  }
  const stack = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)
  return end([
    `${colors.red('bug:')} this should not have happened; please report it with what follows`,
    ...causes(error, stack).flatMap(printableLines),
  ])
}

function renderProblems(error: ConfigurationError, colors: Colors): string {
  const lines = error.problems.flatMap((problem) => problemLines(problem, colors))
  if (error.hint) lines.push(`  ${printable(error.hint)}`)
  return end(lines)
}

function problemLines(problem: Problem, colors: Colors): string[] {
  const { position } = problem
  const message = printable(problem.message)
  const lines = [
    position
      ? `${colors.bold(printable(`${position.file}:${position.line}:${position.column}`))}  ${message}`
      : `${colors.red('error:')} ${message}`,
  ]
  // The column counts characters of the line as it stands, so tabs are kept as one column each.
  if (problem.text !== undefined && position) {
    lines.push(`  ${printable(problem.text)}`, `  ${' '.repeat(Math.max(0, position.column - 1))}${colors.red('^')}`)
  }
  if (problem.hint) lines.push(`  ${printable(problem.hint)}`)
  return lines
}

function causes(error: unknown, stack: string): readonly string[] {
  const texts = [stack]
  let cause = error instanceof Error ? error.cause : undefined
  while (cause instanceof Error && texts.length < 5) {
    texts.push(`caused by: ${cause.stack ?? cause.message}`)
    cause = cause.cause
  }
  return texts
}

function end(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** What a shell reports of a process that SIGPIPE ended. */
export const SIGPIPE = 141

/** True if the run ended because the reader of its output is gone: an error message would reach no one. */
export function isSilent(error: unknown): boolean {
  return error instanceof CancelledError && error.exitCode === SIGPIPE
}

/** An error's line under `--json`. */
export interface ErrorLine {
  readonly type: 'error'
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
}

/** One object, or one for each problem of a configuration. */
export function errorLines(error: unknown): readonly ErrorLine[] {
  if (error instanceof ConfigurationError) {
    return error.problems.map((problem) => ({
      type: 'error',
      code: error.code,
      message: problem.message,
      hint: problem.hint ?? error.hint ?? null,
      file: problem.position?.file ?? null,
      line: problem.position?.line ?? null,
      column: problem.position?.column ?? null,
    }))
  }
  const known = error instanceof ReplicateError
  return [
    {
      type: 'error',
      code: known ? error.code : 'bug',
      message: describeError(error),
      hint: known ? (error.hint ?? null) : null,
      file: null,
      line: null,
      column: null,
    },
  ]
}

/** What a task's `error` holds, from an error or from what the history kept of one. */
export function recordedError(error: unknown): {
  readonly code: string
  readonly message: string
  readonly hint: string | null
} {
  if (error instanceof ReplicateError) {
    return { code: error.code, message: describeError(error), hint: error.hint ?? null }
  }
  if (error instanceof Error) return { code: 'bug', message: error.message, hint: null }
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    return {
      code: errorCode(error) || 'unknown',
      message: error.message,
      hint: 'hint' in error && typeof error.hint === 'string' ? error.hint : null,
    }
  }
  return { code: 'unknown', message: String(error), hint: null }
}
