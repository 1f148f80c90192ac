/** `replicate serve` as a process of its own, between two registries in memory, for tests of how it lives and ends. */

import { onTestFinished } from 'vitest'
import { type Program, program, type Running, type StartOptions, until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'

export interface Serving {
  readonly user: Program
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
  /** A file with one policy, `copy`; `more` are further lines of it, `serve` of that section. */
  yaml(more?: string, serve?: string): string
  /** Starts a daemon that has written where it listens; `wrap` makes another command of its own. */
  start(args?: readonly string[], env?: Readonly<Record<string, string>>, wrap?: StartOptions['wrap']): Promise<Daemon>
}

export interface Daemon extends Running {
  readonly url: string
  kill(signal: NodeJS.Signals): void
  /** Resolves once it has said it. */
  says(what: string | RegExp): Promise<void>
  readyz(): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>
}

export async function serving(options: MemoryRegistryOptions = {}): Promise<Serving> {
  const source = await startMemoryRegistry(options)
  const destination = await startMemoryRegistry()
  onTestFinished(async () => {
    await source.close()
    await destination.close()
  })
  source.add('app', image({ seed: 1 }), 'v1')
  const user = program()
  return {
    user,
    source,
    destination,
    yaml: (more = '', serve = '') => `registries:
  from: {type: docker-registry, url: '${source.url}'}
  to: {type: docker-registry, url: '${destination.url}'}
policies:
  copy:
    source: {registry: from}
    destination: {registry: to, namespace: mirror}
${more}serve:
  listen: 127.0.0.1:0
${serve}`,
    async start(args = ['serve.yaml'], env = {}, wrap = undefined) {
      const running = user.start(['serve', ...args], { env, ...(wrap ? { wrap } : {}) })
      const url = (): string | undefined => /listening on (\S+)/.exec(running.said())?.[1]
      let isOver = false
      void running.ended.then(() => {
        isOver = true
      })
      await until('the daemon listens', () => url() !== undefined || isOver)
      const found = url()
      if (found === undefined) throw new Error(`the daemon has ended: ${running.said()}`)
      return {
        ...running,
        url: found,
        kill: (signal) => void running.process.kill(signal),
        says: (what) =>
          until(`the daemon says ${what}`, () =>
            typeof what === 'string' ? running.said().includes(what) : what.test(running.said()),
          ),
        async readyz() {
          const answer = await fetch(`${found}/readyz`)
          return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
        },
      }
    },
  }
}
