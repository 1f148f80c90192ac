/** The start of the program, and the only place that catches every error that is left. */

import { resolve } from 'node:path'
import type { CommanderError } from 'commander'
import { errorCode } from '../core/errors.ts'
import { keepHeapSmall } from './memory.ts'
import type { Parts } from './parts.ts'
import { buildProgram } from './program/program.ts'
import { type GlobalFlags, openSession, type Session, type Surroundings, wantsColor } from './session.ts'

/** Runs the command line in this process and sets its exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  const { processSurroundings } = await import('./process.ts')
  const surroundings = processSurroundings(productionParts, tell)
  keepHeapSmall()
  process.exitCode = await execute(argv.slice(2), surroundings)
  // A stopped program does not wait for what cannot be stopped, such as a credential helper that never answers.
  if (surroundings.signal.aborted) process.exit()
}

/** Runs one command line; the result is the exit status. Never throws. */
export async function execute(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let session: Session | undefined
  let exitCode = 0
  const program = buildProgram(async (flags, command) => {
    session = openSession(surroundings, flags)
    exitCode = await command(session)
  })
  redirectHelp(program, surroundings)
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    exitCode = await report(error, args, program, surroundings)
  }
  try {
    await session?.close()
  } catch (error) {
    // Standard output has its last line by now.
    const closed = await tell(error, surroundings)
    if (exitCode === 0) exitCode = closed
  }
  return exitCode
}

/** Each part is imported where it is first used: help and version need none of them. */
const productionParts: Parts = {
  app: async (options) => (await import('../app/app.ts')).createApp(options),
  adapters: async () => (await import('../../adapters/index.ts')).adapters,
  foreignAdapter: async (type, cwd) => {
    const { isForeignType } = await import('../core/adapter.ts')
    if (!isForeignType(type)) return undefined
    const { loadAdapter } = await import('../app/foreign.ts')
    return loadAdapter(type.startsWith('module:') ? type : resolve(cwd, type), cwd)
  },
  schema: async () => (await import('../config/schema.ts')).jsonSchema(),
  starterFile: async () => (await import('../config/init.ts')).initialConfiguration(),
  paths: async (options) => {
    const { homeDirectory, userConfiguration } = await import('../config/paths.ts')
    return {
      configuration: userConfiguration(options).path,
      home: homeDirectory(options),
    }
  },
  known: async (options, files) => (await import('../app/known.ts')).whatIsKnown(options, files),
  look: async (reference, configuration) => (await import('../config/look.ts')).look(reference, configuration),
  copyPolicy: async (request, configuration) => {
    const { copyPolicy } = await import('../config/copy.ts')
    return copyPolicy(request, configuration)
  },
}

/** Help and version belong on standard output, the help of a wrong call on standard error. */
function redirectHelp(program: ReturnType<typeof buildProgram>, surroundings: Surroundings): void {
  const visit = (command: typeof program): void => {
    command.configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      writeErr: (text) => surroundings.stderr.write(text),
      getOutHelpWidth: () => Math.min(surroundings.stdout.columns, 120),
      getErrHelpWidth: () => Math.min(surroundings.stderr.columns, 120),
    })
    for (const child of command.commands) visit(child as typeof program)
  }
  visit(program)
}

async function report(
  error: unknown,
  args: readonly string[],
  program: ReturnType<typeof buildProgram>,
  surroundings: Surroundings,
): Promise<number> {
  const flags = program.opts<GlobalFlags>()
  const json = flags.json === true || args.includes('--json')
  if (isUsage(error)) {
    if (error.exitCode === 0) return 0
    // Help that stands in for a missing command has already been printed.
    if (error.code === 'commander.help') return 2
    const { usageOf } = await import('./usage.ts')
    const { message, hints } = usageOf(error, program, args)
    if (json) {
      const { jsonLine } = await import('./render/json.ts')
      surroundings.stdout.write(jsonLine(usageLine(message, hints.join('; '))))
    } else {
      surroundings.stderr.write([`error: ${message}`, ...hints.map((hint) => `  ${hint}`), ''].join('\n'))
    }
    return 2
  }
  const { errorLines, isSilent } = await import('./render/error.ts')
  if (isSilent(error)) return exitCodeOf(error)
  if (json) {
    const { jsonLine } = await import('./render/json.ts')
    for (const line of errorLines(error)) surroundings.stdout.write(jsonLine(line))
    const { ReplicateError } = await import('../core/errors.ts')
    // A bug's stack is for standard error, also where standard output is for machines.
    if (error instanceof ReplicateError) return error.exitCode
  }
  return tell(error, surroundings, flags)
}

/** Writes the error to standard error. */
async function tell(error: unknown, surroundings: Surroundings, flags: GlobalFlags = {}): Promise<number> {
  const { renderError } = await import('./render/error.ts')
  const { colorsFor } = await import('./render/colors.ts')
  surroundings.stderr.write(renderError(error, colorsFor(wantsColor(surroundings, surroundings.stderr, flags))))
  return exitCodeOf(error)
}

async function exitCodeOf(error: unknown): Promise<number> {
  const { ReplicateError } = await import('../core/errors.ts')
  return error instanceof ReplicateError ? error.exitCode : 1
}

function usageLine(message: string, hint: string): Record<string, string | null> {
  return { type: 'error', code: 'usage', message, hint, file: null, line: null, column: null }
}

function isUsage(error: unknown): error is CommanderError {
  return errorCode(error).startsWith('commander.')
}
