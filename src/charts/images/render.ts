/** `helm template` of a chart's archive: a child process that knows nothing of this machine, asks no network, and ends in time.
 *
 *  A chart is a program of strangers, although its language can do little: it may loop, and print without end. */

import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { messageOf, StorageError } from '../../core/errors.ts'
import { killGroup } from '../../process/group.ts'
import type { Held } from '../store/held.ts'

export interface Helm {
  /** Absolute. */
  readonly program: string
  /** Milliseconds for one chart; default a minute. */
  readonly limit?: number
}

export type Rendering =
  | { readonly text: string }
  /** `lasting`: the same chart would fail again. */
  | { readonly failed: string; readonly lasting: boolean }

const LIMIT = 60_000
/** In bytes. */
const MOST_OUTPUT = 16 * 1024 * 1024
const MOST_SAID = 64 * 1024
/** Of address space, in KiB; where the shell cannot limit it, the time does. */
const MOST_MEMORY = 4 * 1024 * 1024
/** Where nothing answers: a schema may name another one by its URL. */
const NOWHERE = 'http://127.0.0.1:9'

/** `values`: their texts, of which the last counts most. Throws where this machine cannot do it, or the run is stopped. */
export async function renderChart(
  archive: Held,
  values: readonly string[],
  helm: Helm,
  ctx: Context,
): Promise<Rendering> {
  const directory = await mkdtemp(join(tmpdir(), 'replicate-helm-')).catch((cause: unknown) => {
    throw new StorageError(`a temporary directory for a chart cannot be made: ${messageOf(cause)}`, {
      cause,
      hint: 'set TMPDIR to a directory that can be written',
    })
  })
  try {
    const chart = join(directory, 'chart.tgz')
    await writeFile(chart, archive.open(0, ctx))
    const files: string[] = []
    for (const [index, text] of values.entries()) {
      const file = join(directory, `values-${index}.yaml`)
      await writeFile(file, text)
      files.push('--values', file)
    }
    await mkdir(join(directory, 'home'))
    const args = ['template', 'release', chart, ...files, '--namespace', 'default', '--skip-schema-validation']
    return await ended(helm, args, directory, ctx.signal)
  } finally {
    await rm(directory, { recursive: true, force: true }).catch(() => {})
  }
}

/** Nothing of this machine's: no credential, no plugin, no cluster. */
function environment(directory: string): Readonly<Record<string, string>> {
  const home = join(directory, 'home')
  return {
    HOME: home,
    TMPDIR: directory,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    HELM_PLUGINS: join(home, 'plugins'),
    KUBECONFIG: join(home, 'kubeconfig'),
    HTTP_PROXY: NOWHERE,
    HTTPS_PROXY: NOWHERE,
    GOMAXPROCS: '2',
  }
}

function ended({ program, limit = LIMIT }: Helm, args: readonly string[], directory: string, signal: AbortSignal) {
  return new Promise<Rendering>((resolve, reject) => {
    const limited = `ulimit -v ${MOST_MEMORY} 2>/dev/null; exec "$0" "$@"`
    // In a process group of its own, so that Ctrl-C does not reach it and nothing of it is left.
    const child = spawn('/bin/sh', ['-c', limited, program, ...args], {
      cwd: directory,
      env: environment(directory),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const printed: Buffer[] = []
    const said: Buffer[] = []
    let size = 0
    let sizeSaid = 0
    let given: Rendering | undefined
    const giveUp = (failed: string, lasting: boolean): void => {
      given ??= { failed, lasting }
      killGroup(child.pid)
    }
    const timer = setTimeout(() => giveUp(`it took longer than ${limit / 1000} s`, false), limit)
    const onAbort = (): void => killGroup(child.pid)
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.byteLength
      if (size > MOST_OUTPUT) giveUp(`it printed more than ${MOST_OUTPUT / 1024 / 1024} MiB`, true)
      else printed.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      sizeSaid += chunk.byteLength
      if (sizeSaid <= MOST_SAID) said.push(chunk)
    })
    child.once('error', (error) => {
      given ??= { failed: `it cannot be started: ${error.message}`, lasting: false }
    })
    child.once('close', (status, killed) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) reject(abortReason(signal))
      else if (given) resolve(given)
      else if (status === 0) resolve({ text: Buffer.concat(printed).toString('utf8') })
      else {
        const why = complaintIn(Buffer.concat(said).toString('utf8')) ?? `it ended with ${killed ?? `status ${status}`}`
        // Ended from outside, for instance where memory is short.
        resolve({ failed: why, lasting: killed === null })
      }
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** The last thing it complained about, in one line. */
function complaintIn(said: string): string | undefined {
  const lines = said.split('\n').map((line) => line.trim())
  const line = lines.find((one) => /^Error:|^fatal error:|^panic:/.test(one)) ?? lines.find((one) => one !== '')
  const text = line?.replace(/^Error: /, '')
  return text === undefined || text.length <= 500 ? text : `${text.slice(0, 500)}…`
}
