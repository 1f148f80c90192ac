/** Checks one registry step by step, each with its time; writes nothing to it. */

import type { Connections } from './connect.ts'
import type { PingStep } from './core/adapter.ts'
import type { Context } from './core/context.ts'
import { ReplicateError } from './core/errors.ts'
import type { Registry } from './core/registry.ts'
import { networkError } from './http/failure.ts'
import { probeAddress, probeTls } from './http/probe.ts'

/** The steps that were made; the last one is the one that failed, where one did. */
export async function pingRegistry(
  registry: Registry,
  connections: Connections,
  ctx: Context,
): Promise<readonly PingStep[]> {
  const steps: PingStep[] = []
  /** Resolves with whether to go on. */
  async function step(name: string, work: () => Promise<string>): Promise<boolean> {
    const began = performance.now()
    const ended = (ok: boolean, detail: string): boolean => {
      steps.push({ name, ok, duration: Math.round(performance.now() - began), detail })
      return ok
    }
    try {
      return ended(true, await work())
    } catch (error) {
      const hint = error instanceof ReplicateError && error.hint !== undefined ? `; ${error.hint}` : ''
      return ended(false, (error instanceof Error ? error.message : String(error)) + hint)
    }
  }
  // Behind a proxy neither the address nor the certificate is for this machine to see.
  if (registry.url !== undefined && connections.proxy(registry) === undefined) {
    const url = new URL(registry.url)
    const plainly = async (work: () => Promise<string>): Promise<string> => {
      try {
        return await work()
      } catch (error) {
        const { host, protocol } = url
        throw networkError(error, { host, protocol: protocol === 'https:' ? protocol : 'http:', reached: false })
      }
    }
    if (!(await step('address', () => plainly(() => probeAddress(url.hostname))))) return steps
    if (url.protocol === 'https:') {
      const tls = async () =>
        probeTls(url, { insecure: registry.insecure, ca: await connections.ca(registry) }, Date.now(), ctx.signal)
      if (!(await step('TLS', () => plainly(tls)))) return steps
    }
  }
  if (
    registry.url !== undefined &&
    !(await step('credential', async () => (await connections.credential(registry)).origin))
  )
    return steps
  await step(registry.url === undefined ? 'layout' : 'GET /v2/', async () => {
    const { adapter, type } = await connections.open(registry)
    await adapter.ping(ctx)
    return `answered as ${type.name}`
  })
  return steps
}
