/** Checks one registry: step by step, each with its time; where its credential comes from; whether that is taken. Writes nothing to it. */

import { adapters } from '../../adapters/index.ts'
import type { Adapter, PingStep } from '../core/adapter.ts'
import { abortReason, throwIfAborted } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { ConfigurationError, NetworkError, ReplicateError } from '../core/errors.ts'
import { type Credential, placeOf, type Registry, type RegistryStatus } from '../core/registry.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import type { History } from '../history/history.ts'
import { hostWithPort, networkError } from '../http/failure.ts'
import { probeAddress, probeApi, probeTls, type TlsOptions } from '../http/probe.ts'
import { type ProxyAddress, proxyAddress, proxyFromEnvironment } from '../http/proxy/address.ts'
import { authoritiesFrom } from '../http/trust/authorities.ts'
import { secureContext } from '../http/trust/context.ts'
import { type Handshake, shakeHands } from '../http/trust/handshake.ts'
import type { Connections } from './connections.ts'

/** The steps that were made; the last one is the one that failed, where one did. Throws only where `ctx` is stopped. */
export async function pingRegistry(
  registry: Registry,
  connections: Connections,
  ctx: Context,
  ended: (step: PingStep) => void = () => {},
): Promise<readonly PingStep[]> {
  const steps: PingStep[] = []
  for (const [name, work] of stepsOf(registry, connections, ctx)) {
    const began = performance.now()
    const { ok, detail } = await outcome(work, ctx.signal)
    if (detail === undefined) continue
    const step = { name, ok, duration: Math.round(performance.now() - began), detail }
    steps.push(step)
    ended(step)
    if (!ok) break
  }
  return steps
}

type Environment = Readonly<Record<string, string | undefined>>

/** What is seen; undefined where there is nothing to see. */
type Work = () => Promise<string | undefined>
type NamedWork = readonly [string, Work]

function stepsOf(registry: Registry, connections: Connections, ctx: Context): readonly NamedWork[] {
  let opened: Promise<Endpoint> | undefined
  const open = (): Promise<Endpoint> => {
    opened ??= connections.open(registry)
    return opened
  }
  const greet = async (): Promise<Endpoint> => {
    const endpoint = await open()
    await endpoint.adapter.ping(ctx)
    return endpoint
  }
  const answered: Work = async () => `answered as ${(await greet()).type.name}`
  if (registry.url === undefined) return [['layout', answered]]
  const credential: Work = async () => {
    const { origin, kind, parts = [] } = await connections.credential(registry)
    await greet()
    const others = parts.length === 0 ? '' : `; others for ${parts.map(({ prefix }) => prefix).join(', ')}`
    return `${kind === 'anonymous' ? `${origin}; good for what is open to anybody` : `${origin}, accepted`}${others}`
  }
  const listing: Work = async () => lists((await open()).adapter, ctx)
  // Behind a proxy neither the address nor the certificate is for this machine to see.
  const way: readonly NamedWork[] =
    connections.proxy(registry) === undefined
      ? wayTo(new URL(registry.url), registry, connections, answered, ctx)
      : [[greetingOf(registry), answered]]
  return [...way, ['credential', credential], ['listing', listing]]
}

/** What a check asks for first. */
function greetingOf({ type }: Registry): string {
  return adapters.find(({ identity }) => identity === type)?.greeting ?? V2
}

const V2 = 'GET /v2/'

function speaksV2(registry: Registry): boolean {
  return greetingOf(registry) === V2
}

function wayTo(
  url: URL,
  registry: Registry,
  connections: Connections,
  answered: Work,
  ctx: Context,
): readonly NamedWork[] {
  const tls = async (): Promise<TlsOptions> => ({
    insecure: registry.insecure,
    userAgent: connections.userAgent(registry),
    ...(await connections.trust(registry)),
  })
  const plainly =
    (work: () => Promise<string | undefined>): Work =>
    () =>
      inWords(url, work)
  return [
    ['address', plainly(() => probeAddress(url.hostname))],
    [
      'TLS',
      plainly(async () => (url.protocol === 'https:' ? probeTls(url, await tls(), Date.now(), ctx.signal) : undefined)),
    ],
    [
      greetingOf(registry),
      plainly(
        async () => (speaksV2(registry) ? await probeApi(url, await tls(), ctx.signal) : undefined) ?? answered(),
      ),
    ],
  ]
}

async function inWords<T>({ host, protocol }: URL, work: () => Promise<T>, proxy?: ProxyAddress): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ReplicateError) throw error
    throw networkError(error, {
      host,
      protocol: protocol === 'https:' ? protocol : 'http:',
      proxy: proxy && hostWithPort(proxy.url),
      signedIn: proxy?.credential !== undefined,
      reached: false,
    })
  }
}

/** The certificates that the server at `url` shows, which need not be trusted. Nothing is asked of it. */
export async function peerOf(url: string, env: Environment, ctx: Context): Promise<Handshake> {
  const target = new URL(url)
  const tls = { secureContext: secureContext({ authorities: authoritiesFrom(env) }) }
  const named = proxyFromEnvironment(url, env)
  const proxy = named === undefined ? undefined : proxyAddress(named)
  return inWords(target, () => shakeHands(target, { tls, distrusted: true, proxy }, ctx.signal), proxy)
}

/** Whether patterns of names work. A user who may not list repositories can still name them, so a refusal is not a failure. */
async function lists(adapter: Adapter, ctx: Context): Promise<string | undefined> {
  if (!adapter.repositories) return undefined
  try {
    for await (const name of adapter.repositories({ namespaces: [], names: [] }, ctx))
      return `lists repositories, such as ${name}`
    return 'no repository yet, or none that this credential sees'
  } catch (error) {
    if (!(error instanceof ReplicateError) || error instanceof NetworkError || error.retryable) throw error
    return `does not list repositories, so policies must name them: ${error.message}`
  }
}

async function outcome(
  work: Work,
  signal: AbortSignal,
): Promise<{ readonly ok: boolean; readonly detail: string | undefined }> {
  throwIfAborted(signal)
  let stop = (): void => {}
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(abortReason(signal))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return { ok: true, detail: await Promise.race([work(), stopped]) }
  } catch (error) {
    throwIfAborted(signal)
    if (!(error instanceof ReplicateError)) throw error
    return { ok: false, detail: detailOf(error) }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function detailOf(error: ReplicateError): string {
  const [position] = error instanceof ConfigurationError ? error.problems.map((problem) => problem.position) : []
  const place = position ? `${position.file}:${position.line}: ` : ''
  return `${place}${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`
}

export function statusesIn(
  history: Pick<History, 'registries'>,
  registries: Iterable<Registry>,
): ReadonlyMap<string, RegistryStatus> {
  const found = new Map<string, RegistryStatus>()
  for (const registry of registries) {
    const status = history.registries.status(registry.name, placeOf(registry))
    if (status) found.set(registry.name, status)
  }
  return found
}

export interface FoundCredential {
  readonly kind: Credential['kind']
  readonly origin: string
  /** Of an access key its id. */
  readonly username?: string
  /** Those for some repositories only. */
  readonly parts?: readonly { readonly repositories: string; readonly origin: string; readonly username?: string }[]
}

/** Throws a `CredentialError` for a place that was named on purpose and cannot be used. */
export async function foundCredential(registry: Registry, connections: Connections): Promise<FoundCredential> {
  const found = await connections.credential(registry)
  const { kind, origin } = found
  const username = found.kind === 'basic' ? found.username : found.kind === 'access_key' ? found.id : undefined
  const parts = found.parts?.map(({ prefix, credential: one }) => ({
    repositories: prefix,
    origin: one.origin,
    ...(one.kind === 'basic' ? { username: one.username } : {}),
  }))
  return { kind, origin, ...(username === undefined ? {} : { username }), ...(parts ? { parts } : {}) }
}

/** Throws what went wrong, where the registry does not let it in. Writes nothing. */
export async function signIn(registry: Registry, connections: Connections, ctx: Context): Promise<void> {
  const { adapter } = await connections.open(registry)
  await adapter.ping(ctx)
}
