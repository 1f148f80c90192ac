/** What the tests of the history share: a directory that goes away, histories that are closed, tasks to put in. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { TaskSpec } from '../../src/core/plan.ts'
import { type History, type HistoryOptions, openHistory } from '../../src/history/history.ts'

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-history-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export async function open(directory: string = temporaryDirectory(), options: HistoryOptions = {}): Promise<History> {
  const history = await openHistory(directory, options)
  onTestFinished(() => history.close())
  return history
}

/** Begins an execution and returns its number. */
export function begin(history: History, policy = 'base', lock: string = policy): number {
  const begun = history.executions.begin({ policy, snapshot: '{}', trigger: 'manual', lock })
  if (!('id' in begun)) throw new Error(`the lock is held by ${JSON.stringify(begun.owner)}`)
  return begun.id
}

export function copies(count: number, repository = 'library/alpine'): TaskSpec[] {
  return Array.from({ length: count }, (_, index) => ({
    action: 'copy',
    resource_type: 'image',
    source: { registry: 'hub', repository, tag: `v${index}` },
    destination: { registry: 'harbor', repository: `mirror/${repository}`, tag: `v${index}` },
    digest: `sha256:${'a'.repeat(64)}`,
  }))
}

export interface Child {
  readonly process: ChildProcess
  /** The line that it prints. */
  readonly answer: Promise<unknown>
  /** Ends it as a crash would. */
  kill(): Promise<void>
}

export function startChild(directory: string, what: 'hold' | 'begin' | 'write'): Child {
  const script = fileURLToPath(new URL('./child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory, what], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const answer = once(createInterface(child.stdout), 'line').then(([line]): unknown => JSON.parse(String(line)))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  return { process: child, answer, kill }
}
