/** A daemon in this process whose policies are pulled through, and what clients ask of it. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ServeNews } from '../../../src/app/app.ts'
import { type App, createApp } from '../../../src/app/app.ts'
import type { Timing } from '../../../src/app/connections.ts'
import { until } from '../../e2e/program.ts'
import {
  type LoggedRequest,
  type MemoryRegistry,
  type MemoryRegistryOptions,
  startMemoryRegistry,
} from '../../support/memory-registry.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

/** Ended with the test. */
export async function registry(options: MemoryRegistryOptions = {}) {
  const started = await startMemoryRegistry(options)
  onTestFinished(() => started.close())
  return started
}

/** Pulls of `hub`'s namespace `team` land in `mine/mirror`; `rest` are further lines of the policy. */
export function policies(source: { url: string }, destination: { url: string }, rest = '', maxAge = '1m'): string {
  return `
registries:
  hub: {type: docker-registry, url: ${source.url}}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true, max_age: ${maxAge}}]
${rest}`
}

/** Without what only checks the registry's health. */
export function asked({ requests }: MemoryRegistry): readonly LoggedRequest[] {
  return requests.filter(({ route }) => route !== 'ping')
}

export interface Gateway {
  readonly url: string
  readonly app: App
  readonly news: readonly ServeNews[]
  /** Below `/v2/`. */
  get(path: string, init?: RequestInit): Promise<Response>
  head(path: string): Promise<Response>
  /** Ends the daemon. */
  stop(): Promise<void>
}

export interface GatewayOptions {
  readonly home?: string
  readonly env?: Readonly<Record<string, string>>
  /** Further lines of `serve`. */
  readonly serve?: string
  readonly timing?: Timing
  /** What is kept of blobs that are on their way. */
  readonly spooled?: { readonly memory: number; readonly disk: number }
}

/** `yaml`: a configuration without `serve`. */
export async function startGateway(yaml: string, options: GatewayOptions = {}): Promise<Gateway> {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'serve.yaml'), `${yaml}\nserve:\n  listen: 127.0.0.1:0\n${options.serve ?? ''}`)
  const home = options.home ?? join(directory, 'home')
  const app = createApp({
    env: { HOME: directory, REPLICATE_HOME: home, ...options.env },
    cwd: directory,
    stdin: async () => '',
    ...(options.timing ? { timing: options.timing } : {}),
  })
  const stop = new AbortController()
  const news: ServeNews[] = []
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>()
  const ended = app.serve({
    files: ['serve.yaml'],
    signal: stop.signal,
    onReload: () => () => {},
    listen(one) {
      news.push(one)
      if (one.type === 'listening') resolve(one.url)
    },
    drain: 0,
    ...(options.spooled ? { spooled: options.spooled } : {}),
  })
  ended.catch(reject)
  let isStopped = false
  const end = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    stop.abort()
    await ended
    await app.close()
  }
  onTestFinished(end)
  const url = await listening
  return {
    url,
    app,
    news,
    get: (path, init) => fetch(`${url}/v2/${path}`, init),
    head: (path) => fetch(`${url}/v2/${path}`, { method: 'HEAD' }),
    stop: end,
  }
}

/** The body with its digest, or why it broke off. */
export async function bodyOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

/** Resolves once an execution that a pull started has ended; its exit status. */
export async function pulled({ news }: Gateway, times = 1): Promise<readonly number[]> {
  const ends = (): readonly number[] =>
    news.flatMap((one) => (one.type === 'execution_ended' && one.trigger === 'pull' ? [one.outcome.exitCode] : []))
  await until(`${times} pulls have ended`, () => ends().length >= times)
  return ends()
}
