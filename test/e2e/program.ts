/** The program as a user has it: built, a process of its own, with a directory, a state and an environment of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Execution, Task } from '../../src/core/execution.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export const BIN = fileURLToPath(new URL('../../bin/replicate.js', import.meta.url))

export interface Ended {
  /** The exit status; undefined where a signal ended it. */
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
  /** Milliseconds. */
  readonly took: number
}

export interface Running {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** What it has said so far on both outputs. */
  said(): string
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Standard input stays open, for keys. */
  readonly keyboard?: boolean
  /** Options of Node itself. */
  readonly node?: readonly string[]
  /** A program before Node, such as one that gives it a terminal. */
  readonly wrap?: (command: readonly string[]) => readonly [string, ...string[]]
  /** Nobody reads standard output. */
  readonly deaf?: boolean
}

export interface Program {
  /** Where it runs. */
  readonly directory: string
  readonly home: string
  /** Writes a file into the directory; the result is its name. */
  write(name: string, text: string): string
  start(args: readonly string[], options?: StartOptions): Running
  run(args: readonly string[], options?: StartOptions): Promise<Ended>
  /** What the history says, asked by the program itself. */
  executions(): Promise<readonly Execution[]>
  execution(id: string): Promise<Execution & { readonly tasks: readonly Task[] }>
  /** Every file of the state directory, as bytes. */
  state(): ReadonlyMap<string, Buffer>
}

/** Nothing of this machine's own configuration reaches it; processes that a test leaves behind are ended with it. */
export function program(env: Readonly<Record<string, string>> = {}): Program {
  const directory = temporaryDirectory()
  const home = join(directory, 'home')
  const nothing = join(directory, 'nothing')
  mkdirSync(nothing)
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: nothing,
    XDG_CONFIG_HOME: nothing,
    DOCKER_CONFIG: nothing,
    REPLICATE_HOME: home,
    XDG_CACHE_HOME: process.env.REPLICATE_TEST_COMPILED ?? nothing,
    ...env,
  }

  function start(args: readonly string[], options: StartOptions = {}): Running {
    const began = performance.now()
    const plain = [process.execPath, ...(options.node ?? []), BIN, ...args] as const
    const [file, ...rest] = options.wrap?.(plain) ?? plain
    const child = spawn(file, rest, { cwd: directory, env: { ...environment, ...options.env } })
    onTestFinished(() => void child.kill('SIGKILL'))
    let stdout = ''
    let stderr = ''
    if (options.deaf) child.stdout.destroy()
    else child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    // A child that ended already reads no more.
    child.stdin.on('error', () => {})
    if (!options.keyboard) child.stdin.end(options.stdin ?? '')
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) =>
        resolve({
          code: code ?? undefined,
          signal: signal ?? undefined,
          stdout,
          stderr,
          took: performance.now() - began,
        }),
      )
    })
    return { process: child, ended, said: () => stdout + stderr }
  }

  const run: Program['run'] = (args, options) => start(args, options).ended
  const asked = async (...args: readonly string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await run([...args, '--json'])
    if (code !== 0) throw new Error(`replicate ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return JSON.parse(stdout)
  }
  return {
    directory,
    home,
    write(name, text) {
      writeFileSync(join(directory, name), text)
      return name
    },
    start,
    run,
    executions: async () => (await asked('executions', 'list')) as readonly Execution[],
    execution: async (id) => (await asked('executions', 'show', id)) as Execution & { readonly tasks: readonly Task[] },
    state() {
      const names = existsSync(home) ? readdirSync(home, { recursive: true, withFileTypes: true }) : []
      const files = names.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
      return new Map(files.map((file) => [file, readFileSync(file)]))
    },
  }
}

/** Looks again and again until it is true; the message says what was waited for. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, within = 60_000): Promise<void> {
  const deadline = performance.now() + within
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited ${within} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
