/** What a command works with: outputs, colours, the global options, and the program once it is needed. */

import type { App, AppOptions } from '../app/app.ts'
import type { Context } from '../core/context.ts'
import type { Parts } from './parts.ts'
import { type Colors, colorsFor } from './render/colors.ts'
import { createFailures } from './render/failures.ts'
import { printable } from './render/format.ts'
import { jsonDocument } from './render/json.ts'
import { inAscii, showsUnicode } from './render/symbols.ts'
import { eventText } from './render/told.ts'

/** Standard output or standard error. */
export interface Output {
  write(text: string): void
  /** Writes what moves the cursor; absent where nothing is taken out of what is written. */
  draw?(text: string): void
  readonly isTerminal: boolean
  /** Of the terminal; Infinity elsewhere. */
  readonly columns: number
  /** Of the terminal; absent where it has none, or they are unknown. */
  readonly rows?: number | undefined
  /** Calls back when the terminal has got another size; the result ends it. */
  onResize?(callback: () => void): () => void
}

export interface Timer {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back again and again; the result ends it. */
  every(milliseconds: number, callback: () => void): () => void
}

/** The process around the command line, or a test's stand-in for it. */
export interface Surroundings {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: () => Promise<string>
  readonly signal: AbortSignal
  /** Calls back for SIGHUP, which otherwise ends the program; the result ends it. */
  onHangup(callback: () => void): () => void
  readonly timer: Timer
  /** What starts this program from anywhere: absolute paths. */
  readonly program: readonly string[]
  readonly parts: Parts
}

/** The options of every command, as commander gives them. */
export interface GlobalFlags {
  readonly config?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: number
  readonly color?: boolean
  readonly progress?: boolean
  readonly home?: string
  readonly untrusted?: boolean
}

export interface Session extends Surroundings {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: number
  /** Whether to draw bars: standard error is a terminal with a cursor, and neither --quiet nor --json nor --no-progress is set. */
  readonly bars: boolean
  /** For standard output and standard error, each off where it is not a terminal. */
  readonly colors: Colors
  readonly errorColors: Colors
  readonly options: AppOptions
  /** Made on first use; the same ever after. */
  app(): Promise<App>
  close(): Promise<void>
}

export function openSession(surroundings: Surroundings, flags: GlobalFlags): Session {
  const options: AppOptions = {
    env: surroundings.env,
    cwd: surroundings.cwd,
    stdin: surroundings.stdin,
    ...(flags.home === undefined ? {} : { home: flags.home }),
    ...(flags.config === undefined ? {} : { config: flags.config }),
    ...(flags.untrusted === undefined ? {} : { untrusted: flags.untrusted }),
    warn: (text) => surroundings.stderr.write(`warning: ${printable(text)}\n`),
    trace: (flags.verbose ?? 0) >= 2,
  }
  let app: Promise<App> | undefined
  const quiet = flags.quiet ?? false
  const json = flags.json ?? false
  return {
    ...surroundings,
    // Data stays as it is; text is shown as the locale allows.
    stdout: json ? surroundings.stdout : legible(surroundings.stdout, surroundings.env),
    json,
    quiet,
    verbose: flags.verbose ?? 0,
    bars: movesCursor(surroundings) && !quiet && !json && (flags.progress ?? true),
    colors: colorsFor(wantsColor(surroundings, surroundings.stdout, flags)),
    errorColors: colorsFor(wantsColor(surroundings, surroundings.stderr, flags)),
    options,
    app: () => {
      app ??= surroundings.parts.app(options)
      return app
    },
    close: async () => {
      // An app that could not be made was reported where it was needed.
      const opened = await app?.catch(() => undefined)
      await opened?.close()
    },
  }
}

/** True where standard error is a terminal whose cursor can be moved. */
export function movesCursor({ stderr, env }: Pick<Surroundings, 'stderr' | 'env'>): boolean {
  return stderr.isTerminal && env.TERM !== 'dumb'
}

/** The output with signs that the locale has. */
export function legible(output: Output, env: Surroundings['env']): Output {
  return showsUnicode(env) ? output : altered(output, inAscii, inAscii)
}

/** An output whose texts are altered on their way; `draw` absent: what moves the cursor is not. */
export function altered(output: Output, write: Alter, draw: Alter = (text) => text): Output {
  return {
    write: (text) => output.write(write(text)),
    ...(output.draw && { draw: (text) => output.draw?.(draw(text)) }),
    ...(output.onResize && { onResize: output.onResize }),
    get isTerminal() {
      return output.isTerminal
    },
    get columns() {
      return output.columns
    },
    get rows() {
      return output.rows
    },
  }
}

type Alter = (text: string) => string

/** NO_COLOR counts where it is set and not empty (no-color.org). */
export function wantsColor(surroundings: Pick<Surroundings, 'env'>, output: Output, flags: GlobalFlags): boolean {
  return output.isTerminal && (flags.color ?? true) && !surroundings.env.NO_COLOR && surroundings.env.TERM !== 'dumb'
}

/** Prints a list or a show: its document under `--json`, else its text. */
export function print(session: Session, document: unknown, text: () => string): void {
  session.stdout.write(session.json ? jsonDocument(document) : text())
}

/** A context for calls outside of executions: warnings go to standard error, and what `-v` asks for. */
export function quietContext(
  session: Pick<Session, 'signal' | 'quiet' | 'stderr' | 'errorColors' | 'verbose' | 'timer'>,
): Context {
  const { signal, quiet, stderr, errorColors: colors, verbose, timer } = session
  const failures = createFailures(colors)
  return {
    signal,
    emit: (event) => {
      const isStuck = event.type === 'waiting' && event.stuck === true
      if ((quiet && !isStuck) || event.type === 'stage' || event.type === 'task') return
      if (event.type === 'waiting' && !isStuck && verbose === 0) return
      const { columns } = stderr
      const text = eventText(event, { colors, verbose, columns, plain: false, failures, time: timer.now() })
      if (text !== undefined) stderr.write(text)
    },
  }
}
