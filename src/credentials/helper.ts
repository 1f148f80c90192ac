/** Asks Docker's credential helpers, programs named `docker-credential-NAME`, for a secret. */

import { spawn } from 'node:child_process'
import { z } from 'zod'
import { CredentialError, hasCode } from '../core/errors.ts'
import { type DockerSecret, secretOfUser } from './docker-file.ts'

/** Undefined where the helper knows no such server. Throws `CredentialError` where it cannot be run or gives no sense. */
export type AskHelper = (name: string, server: string) => Promise<DockerSecret | undefined>

export interface HelperOptions {
  /** The helper's environment; its `PATH` says where helpers are. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds; default 30 s. */
  readonly timeout?: number
}

export function createHelperRunner({ env, timeout = 30_000 }: HelperOptions): AskHelper {
  return async (name, server) => {
    // Nothing that could name a file elsewhere.
    if (!/^[A-Za-z0-9._-]+$/.test(name))
      throw new CredentialError(`${JSON.stringify(name)} is not the name of a credential helper`)
    const program = `docker-credential-${name}`
    const { code, output } = await run(program, server, env, timeout)
    if (code === 0) return parseAnswer(program, output)
    if (output.trim() === NOT_FOUND) return undefined
    // What it printed may hold a secret.
    throw new CredentialError(`${program} failed with exit status ${code}`, {
      hint: `see what \`${program} get\` says by itself`,
    })
  }
}

/** Part of the protocol: helpers print it and end with status 1. */
const NOT_FOUND = 'credentials not found in native keychain'
const LARGEST_OUTPUT = 1024 * 1024

/** Go reads its keys in any case, so helpers write them in any. */
const answer = z
  .record(z.string(), z.unknown())
  .transform((fields) => Object.fromEntries(Object.entries(fields).map(([key, value]) => [key.toLowerCase(), value])))
  .pipe(z.looseObject({ username: z.string(), secret: z.string() }))

function parseAnswer(program: string, output: string): DockerSecret | undefined {
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch {
    throw new CredentialError(`${program} gave no valid JSON`)
  }
  const parsed = answer.safeParse(value)
  if (!parsed.success) throw new CredentialError(`${program} gave no user name and secret`)
  const { username, secret } = parsed.data
  return username === '' || secret === '' ? undefined : secretOfUser(username, secret)
}

function run(
  program: string,
  input: string,
  env: HelperOptions['env'],
  timeout: number,
): Promise<{ readonly code: number | string; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { env: { ...env }, stdio: ['pipe', 'pipe', 'ignore'], shell: false })
    const chunks: Buffer[] = []
    let length = 0
    const giveUp = (why: string): void => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      // A child of the helper may still hold the pipe.
      child.stdout.destroy()
      reject(new CredentialError(`${program} ${why}`))
    }
    const timer = setTimeout(() => giveUp(`gave no answer within ${timeout / 1000} s`), timeout)
    child.on('error', (error) => {
      giveUp(hasCode(error, 'ENOENT') ? 'is not installed' : 'could not be started')
    })
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > LARGEST_OUTPUT) giveUp('gave an answer that is too long')
      else chunks.push(chunk)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code: code ?? signal ?? 'unknown', output: Buffer.concat(chunks).toString('utf8') })
    })
    // A helper may end without reading its input.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
