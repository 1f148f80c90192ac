/** Checks one registry step by step, each with its time; writes nothing to it. */

import type { Connections } from './connect.ts'
import type { PingStep } from './core/adapter.ts'
import type { Context } from './core/context.ts'
import type { Registry } from './core/registry.ts'
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
      return ended(false, error instanceof Error ? error.message : String(error))
    }
  }
  if (registry.url !== undefined && registry.proxy === undefined) {
    const url = new URL(registry.url)
    if (!(await step('address', () => probeAddress(url.hostname)))) return steps
    if (url.protocol === 'https:') {
      const tls = async () =>
        probeTls(url, { insecure: registry.insecure, ca: await connections.ca(registry) }, Date.now(), ctx.signal)
      if (!(await step('TLS', tls))) return steps
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
