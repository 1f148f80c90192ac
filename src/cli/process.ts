/** This process as the command line sees it: outputs that survive a closed pipe, signals, standard input. */

import { after } from '../core/cancel.ts'
import { CancelledError } from '../core/errors.ts'
import type { Parts } from './parts.ts'
import { SIGPIPE } from './render/error.ts'
import { harmless } from './render/format.ts'
import { wrapLines } from './render/wrap.ts'
import { altered, legible, type Output, type Surroundings } from './session.ts'

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
/** Milliseconds that a clean end may take after an error that nothing caught. */
const PATIENCE = 5000
const LARGEST_INPUT = 4 * 1024 * 1024

/** Listens to signals, to broken pipes and to errors that nothing caught from now on. */
export function processSurroundings(parts: Parts, report: ReportStray): Surroundings {
  const controller = new AbortController()
  const hangups = new Set<() => void>()
  listenToSignals(controller, hangups)
  const surroundings = surroundingsOf(parts, controller, hangups)
  listenToStrays(controller, (error) => report(error, surroundings))
  return surroundings
}

/** Says what went wrong; the result is the exit status. */
type ReportStray = (error: unknown, surroundings: Surroundings) => Promise<number>

function surroundingsOf(parts: Parts, controller: AbortController, hangups: Set<() => void>): Surroundings {
  const surroundings: Surroundings = {
    // The reader of the results has gone, or the disk is full: what still runs is stopped cleanly. Only the latter is reported.
    stdout: outputOf(process.stdout, (error) => {
      if (error.code !== 'EPIPE') sayUnwritable(error)
      controller.abort(new CancelledError('standard output has no reader any more', SIGPIPE))
    }),
    stderr: outputOf(process.stderr, () => undefined),
    env: process.env,
    cwd: process.cwd(),
    stdin: readStdin,
    signal: controller.signal,
    onHangup(callback) {
      hangups.add(callback)
      return () => hangups.delete(callback)
    },
    timer: {
      now: Date.now,
      every: (milliseconds, callback) => {
        const interval = setInterval(callback, milliseconds)
        interval.unref()
        return () => clearInterval(interval)
      },
    },
    program: process.argv.slice(0, 2),
    parts,
  }
  return { ...surroundings, stderr: messages(surroundings) }
}

function listenToSignals(controller: AbortController, hangups: ReadonlySet<() => void>): void {
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && hangups.size > 0) {
        for (const callback of hangups) callback()
        return
      }
      if (controller.signal.aborted) {
        if (process.stderr.isTTY) process.stderr.write('\nended at once\n')
        process.exit(exitCode)
      }
      controller.abort(new CancelledError(`interrupted by ${signal}`, exitCode))
      if (process.stderr.isTTY) process.stderr.write('\nstopping; once more to end at once\n')
    })
  }
}

/** An error that nothing caught is reported like any other, and stops what runs as a signal does. */
function listenToStrays(controller: AbortController, report: (error: unknown) => Promise<number>): void {
  const onStray = async (error: unknown): Promise<void> => {
    const exitCode = await report(error)
    exitWith(exitCode)
    after(PATIENCE, () => process.exit(), true)
    controller.abort(new CancelledError('stopped by the error above', exitCode))
  }
  process.on('unhandledRejection', onStray)
  process.on('uncaughtException', onStray)
}

/** Sets it at the very end, over what the command itself sets. */
function exitWith(exitCode: number): void {
  process.once('exit', () => {
    process.exitCode = exitCode
  })
}

function sayUnwritable(error: NodeJS.ErrnoException): void {
  const why = error.code === 'ENOSPC' ? 'the disk is full' : error.message
  process.stderr.write(`error: cannot write to standard output: ${why}\n`)
  exitWith(1)
}

function outputOf(stream: NodeJS.WriteStream, onBroken: (error: NodeJS.ErrnoException) => void): Output {
  let broken = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (broken) return
    broken = true
    onBroken(error)
  })
  const draw = (text: string): void => {
    if (!broken) stream.write(text)
  }
  return {
    draw,
    write: (text) => draw(harmless(text)),
    get isTerminal() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY
    },
    get rows() {
      return stream.isTTY ? stream.rows || undefined : undefined
    },
    onResize(callback) {
      stream.on('resize', callback)
      return () => void stream.off('resize', callback)
    },
  }
}

/** What is said to people: broken at words where a terminal is narrow, in signs that the locale has. */
function messages({ stderr, env }: Surroundings): Output {
  return altered(legible(stderr, env), (text) => wrapLines(text, stderr.columns))
}

/** All of standard input as text; the configuration's own limit speaks where it is longer than that. */
async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk)
    chunks.push(bytes)
    size += bytes.byteLength
    if (size > LARGEST_INPUT) break
  }
  return Buffer.concat(chunks).toString('utf8')
}
