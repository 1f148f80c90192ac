/** Runs a notification command: without a shell, with the event on its standard input, and with a time limit. */

import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CommandError, hasCode } from '../../core/errors.ts'
import { killGroup } from '../../process/group.ts'

export interface CommandRequest {
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly input: string
}

/** How much of the command's standard error is kept, in bytes and in lines. */
const MOST_SAID = 64 * 1024
const MOST_LINES = 100

/** The command's standard error goes to the log. Throws if it exits with a status other than 0 or does not end in time. */
export async function runCommand({ command, env, input }: CommandRequest, ctx: Context): Promise<void> {
  const [file, ...args] = command
  const name = basename(file)
  const { status, said } = await ended(file, args, env, input, ctx.signal)
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  for (const line of lines.slice(0, MOST_LINES)) ctx.emit({ type: 'log', level: 'info', text: `${name}: ${line}` })
  if (lines.length > MOST_LINES) {
    ctx.emit({ type: 'log', level: 'info', text: `${name}: ${lines.length - MOST_LINES} more lines` })
  }
  if (status instanceof Error) throw status
  if (status !== 0) throw new CommandError(`it exited with ${typeof status === 'number' ? `status ${status}` : status}`)
}

interface CommandEnd {
  /** The exit status, the signal that ended it, or why it never ended. */
  readonly status: number | string | Error
  readonly said: string
}

function ended(
  file: string,
  args: readonly string[],
  env: CommandRequest['env'],
  input: string,
  signal: AbortSignal,
): Promise<CommandEnd> {
  return new Promise((resolve) => {
    // In a process group of its own, so that its children end with it and Ctrl-C does not reach it.
    const child = spawn(file, args, {
      env: { ...env },
      stdio: ['pipe', 'ignore', 'pipe'],
      shell: false,
      detached: true,
    })
    const chunks: Buffer[] = []
    let size = 0
    const end = (status: CommandEnd['status']): void => {
      signal.removeEventListener('abort', onAbort)
      child.stderr.destroy()
      resolve({ status, said: Buffer.concat(chunks).toString('utf8') })
    }
    const onAbort = (): void => {
      // The command may have ended while a child of it still holds its output open.
      const { exitCode } = child
      killGroup(child.pid)
      end(exitCode ?? abortReason(signal))
    }
    child.once('error', (error) => {
      const missing = hasCode(error, 'ENOENT')
      end(new CommandError(missing ? 'there is no such command' : `it cannot be started: ${error.message}`))
    })
    child.once('close', (code, killed) => end(code ?? `signal ${killed}`))
    child.stderr.on('data', (chunk: Buffer) => {
      size += chunk.byteLength
      if (size <= MOST_SAID) chunks.push(chunk)
    })
    // A command need not read its input.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
