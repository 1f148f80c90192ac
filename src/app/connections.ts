/** Opens registries: from what the configuration says of one to an adapter that is ready to be used. */

import { adapters } from '../../adapters/index.ts'
import { registryOfHost } from '../config/hosts.ts'
import { userHome } from '../config/paths.ts'
import { type Adapter, type AdapterTools, type AdapterType, type Cache, isForeignType } from '../core/adapter.ts'
import type { Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { ConfigurationError, NetworkError } from '../core/errors.ts'
import type { Event } from '../core/events.ts'
import type { Grace } from '../core/gate.ts'
import type { HttpClient } from '../core/http.ts'
import type { Credential, Registry, SentCredential } from '../core/registry.ts'
import { createKeychain, type Keychain } from '../credentials/keychain.ts'
import { resolveCredential } from '../credentials/resolve.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import { EXPIRY_MARGIN } from '../http/auth/auth.ts'
import { createHttpClient, type HttpClientOptions } from '../http/client.ts'
import { createGuard } from '../http/guard.ts'
import type { SharedLimits } from '../http/limiter.ts'
import { isMetadata, proxyFromEnvironment } from '../http/proxy/address.ts'
import type { Recording } from '../http/record/record.ts'
import { addTo, type Redactor } from '../http/redact.ts'
import type { TrustOptions } from '../http/trust/context.ts'
import { createThrottle, type Throttle } from '../transfer/throttle.ts'
import { createClients } from './clients.ts'
import type { TrustSurroundings } from './trust/host-certificates.ts'
import { trustOf } from './trust/trust.ts'

export interface Connections {
  /** One client a registry, shared by all that use it, so that its limits and tokens are too. */
  open(registry: Registry): Promise<Endpoint>
  /** What speaks to its type. */
  typeOf(registry: Registry): Promise<AdapterType>
  /** A registry that another one's content names. Refused where only this machine reaches it, and `allow_addresses` of the other one does not
   *  say that it may. */
  named(by: Registry, registry: Registry): Promise<Endpoint>
  /** That client. */
  http(registry: Registry): Promise<HttpClient>
  credential(registry: Registry): Promise<Credential>
  readonly keychain: Keychain
  /** Whom the registry's connections trust, and its client certificate. */
  trust(registry: Registry): Promise<TrustOptions>
  /** What its requests call this program. */
  userAgent(registry: Registry): string
  /** The directories in which programs are looked for. */
  readonly programs: string
  /** The URL of the proxy before it: its own, or that of the environment. */
  proxy(registry: Registry): string | undefined
  /** The same clients, credentials and limits, with adapters of their own: those remember what they have seen, which is right for one run.
   *  Closing the result closes these adapters alone. */
  anew(): Connections
  close(): Promise<void>
}

export interface ConnectionOptions {
  /** Where the packages of other people's adapters are looked for. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly redactor: Redactor
  readonly userAgent: string
  readonly warn: (text: string) => void
  /** Requests are traced: told of those that are made for no call in particular. */
  readonly trace?: Context['emit'] | undefined
  /** Told of every exchange with a registry. */
  readonly recording?: Recording | undefined
  readonly timing?: Timing | undefined
  readonly cache?: Cache | undefined
  /** For every registry, instead of looking for one. */
  readonly credential?: Credential
  /** Shares the limits of a registry with other processes; absent: they hold for this one. */
  readonly budgets?: Budgets | undefined
}

/** `name` says of what; the same in each process that shares it. */
export interface Budgets {
  throttle(name: string, rate: number): Throttle
  connections(name: string, count: number): NonNullable<SharedLimits['connections']>
}

/** Time and chance as a test wants them. */
export interface Timing {
  readonly clock?: Clock
  /** From 0 to below 1. */
  readonly random?: () => number
  /** Milliseconds without a byte after which a server is given up. */
  readonly idle?: number
  /** Milliseconds that destinations which read a blob together wait for one that takes nothing. */
  readonly patience?: number
  /** After how long a pause connections are let go. */
  readonly grace?: Grace
}

/** The adapters of one run, or of a program that makes one. */
interface Scope {
  readonly opened: Adapter[]
  /** Those that content names. */
  readonly byName: Map<string, Promise<Endpoint>>
}

/** Warnings that are known at once, so that each is told once. */
const MOST_TOLD = 1000
/** Credentials that are remembered: content may name any number of registries. */
const MOST_CREDENTIALS = 1000

/** A refused credential that was found longer ago is looked for again, in milliseconds: a keychain or a helper takes a moment. */
const LOOK_AGAIN = 30_000

export function createConnections(options: ConnectionOptions): Connections {
  const clients = createClients()
  const credentials = new Map<string, { readonly found: Promise<Credential>; readonly since: number; until: number }>()
  const now = (): number => (options.timing?.clock ?? Date).now()
  const throttles = new Map<string, Throttle>()
  const foreign = new Map<string, Promise<AdapterType>>()
  const closing = new AbortController()
  const told = new Set<string>()

  /** Each text once: all registries are looked up in the same places. */
  function warn(text: string): void {
    if (!told.has(text)) options.warn(text)
    told.add(text)
    const [oldest] = told
    if (told.size > MOST_TOLD && oldest !== undefined) told.delete(oldest)
  }

  const keychain = createKeychain({ env: options.env })
  const surroundings = { env: options.env, home: userHome(options.env), warn }

  /** `anew`: what was found a while ago was refused. */
  function credential(registry: Registry, anew = false): Promise<Credential> {
    const known = credentials.get(registry.name)
    const isOld = anew && known !== undefined && now() - known.since >= LOOK_AGAIN
    if (known && now() < known.until && !isOld) return known.found
    const chain = { ...surroundings, secrets: options.redactor.add, keychain, now }
    const found = options.credential ? Promise.resolve(options.credential) : resolveCredential(registry, chain)
    const kept = { found, since: now(), until: Number.POSITIVE_INFINITY }
    credentials.delete(registry.name)
    credentials.set(registry.name, kept)
    const [oldest] = credentials.keys()
    if (credentials.size > MOST_CREDENTIALS && oldest !== undefined) credentials.delete(oldest)
    const keep = (one: Credential): void => {
      if ('expires' in one && one.expires !== undefined) kept.until = one.expires - EXPIRY_MARGIN
    }
    // The caller gets the failure; the next call looks again.
    found.then(keep, () => {
      if (credentials.get(registry.name) === kept) credentials.delete(registry.name)
    })
    return found
  }

  /** One budget for each registry, shared by all its users. */
  function throttle({ name, limits }: Registry): Throttle | undefined {
    if (limits?.bandwidth === undefined) return undefined
    const budget =
      throttles.get(name) ??
      options.budgets?.throttle(`bytes ${name}`, limits.bandwidth) ??
      createThrottle(limits.bandwidth, options.timing?.clock)
    throttles.set(name, budget)
    return budget
  }

  /** What the registry's client sends: as it was found, or what its adapter makes of it. */
  async function signIn(
    registry: Registry,
    type: AdapterType,
    api: AdapterTools['api'],
    anew = false,
  ): Promise<SentCredential> {
    const found = await credential(registry, anew)
    const emit = (event: Event): void => {
      if (event.type === 'log' && event.level === 'warning') warn(event.text)
      else if (event.type === 'request') options.trace?.(event)
    }
    const ctx = { signal: closing.signal, emit }
    return type.signIn ? type.signIn(found, registry, { api, ctx, env: options.env }) : sendable(found, registry)
  }

  /** Another's adapter is loaded once. */
  async function typeOf({ name, type }: Registry): Promise<AdapterType> {
    const known = adapters.find((candidate) => candidate.identity === type)
    if (known) return known
    if (!isForeignType(type)) throw new ConfigurationError(`registry ${name} has the unknown type ${type}`)
    const loaded = foreign.get(type) ?? import('./foreign.ts').then(({ loadAdapter }) => loadAdapter(type, options.cwd))
    foreign.set(type, loaded)
    loaded.catch(() => foreign.delete(type))
    return loaded
  }

  /** What the registry's adapter is lent. `isNamed`: only content names it. */
  async function lend(
    registry: Registry,
    scope: Scope,
    isNamed = false,
  ): Promise<{ readonly type: AdapterType; readonly tools: AdapterTools }> {
    const type = await typeOf(registry)
    const own = await clientOptions(registry, options, surroundings)
    const client = (key: string, made: () => HttpClientOptions): HttpClient =>
      clients.take(key, isNamed ? scope : undefined, () => createHttpClient(made()))
    const api: AdapterTools['api'] = ({ url, name = '', credential: signer, expired }) =>
      client(`${registry.name} ${url} ${name}`, () => ({
        ...own,
        url,
        host: new URL(url).host,
        proxy: isMetadata(url) ? undefined : (registry.proxy ?? proxyFromEnvironment(url, options.env)),
        expired,
        preemptive: true,
        credential: signer ?? ((anew) => signIn(registry, type, api, anew)),
      }))
    const tools: AdapterTools = {
      http: () => {
        const { url } = registry
        if (url === undefined) throw new ConfigurationError(`registry ${registry.name} has no url`)
        return client(registry.name, () => ({
          ...own,
          url,
          host: new URL(url).host,
          proxy: proxyOf(registry, options.env),
          expired: type.expired,
          preemptive: type.preemptive,
          credential: (anew) => signIn(registry, type, api, anew),
          parts: async () => (await credential(registry)).parts ?? [],
        }))
      },
      api,
      credential: () => credential(registry),
      registryAt: async (host) => (await namedBy(registry, registryOfHost(host, adapters), scope)).adapter,
      cache: options.cache,
    }
    return { type, tools }
  }

  async function namedBy(
    { url, allow_addresses: allowed }: Registry,
    named: Registry,
    scope: Scope,
  ): Promise<Endpoint> {
    const { byName } = scope
    // What a file or a directory holds came from anywhere.
    if (named.url !== undefined) await createGuard({ registry: url ?? ELSEWHERE, allowed }).check(new URL(named.url))
    const known = byName.get(named.name) ?? opening(named, scope, true)
    byName.set(named.name, known)
    known.catch(() => byName.delete(named.name))
    return known
  }

  async function opening(registry: Registry, scope: Scope, isNamed = false): Promise<Endpoint> {
    const { type, tools } = await lend(registry, scope, isNamed)
    const own = isForeignType(registry.type) ? (await import('./foreign.ts')).withOptions(registry, type) : registry
    const adapter = await type.open(own, tools)
    scope.opened.push(adapter)
    return { registry, type, adapter, throttle: throttle(registry) }
  }

  async function closeScope(scope: Scope): Promise<void> {
    await Promise.allSettled(scope.opened.splice(0).map((adapter) => adapter.close?.()))
    await clients.release(scope)
  }

  const within = (scope: Scope): Connections => ({
    credential: (registry) => credential(registry),
    keychain,
    trust: (registry) => trustOf(registry, surroundings),
    programs: options.env.PATH ?? '',
    userAgent: ({ user_agent }) => user_agent ?? options.userAgent,
    proxy: (registry) => proxyOf(registry, options.env),
    http: async (registry) => (await lend(registry, scope)).tools.http(),
    open: (registry) => opening(registry, scope),
    typeOf,
    named: (by, registry) => namedBy(by, registry, scope),
    anew: () => within(newScope()),
    close: () => closeScope(scope),
  })

  const own = newScope()
  return {
    ...within(own),
    async close() {
      closing.abort(new NetworkError('the connections were closed', { retryable: false }))
      await closeScope(own)
      await clients.close()
    },
  }
}

function newScope(): Scope {
  return { opened: [], byName: new Map() }
}

/** The URL of what has none. */
const ELSEWHERE = 'https://elsewhere.invalid'

/** What a client can send as it is. */
function sendable(found: Credential, { name, type }: Registry): SentCredential {
  if (found.kind === 'anonymous' || found.kind === 'basic' || found.kind === 'identity' || found.kind === 'bearer') {
    return found
  }
  throw new ConfigurationError(`registry ${name}: ${type} takes no credential of that type (${found.origin})`)
}

/** What all clients for a registry share: trust, limits, time. */
async function clientOptions(
  registry: Registry,
  { userAgent, timing, redactor, trace, recording, budgets }: ConnectionOptions,
  surroundings: TrustSurroundings,
) {
  return {
    ...(await trustOf(registry, surroundings)),
    name: registry.name,
    userAgent: registry.user_agent ?? userAgent,
    ...(trace ? { trace: 'address' as const } : {}),
    ...(recording ? { record: recording } : {}),
    secrets: (secret: string, passing?: boolean) => addTo(redactor, secret, passing),
    redact: (text: string) => redactor.text(text),
    ...timing,
    ...(registry.insecure === undefined ? {} : { insecure: registry.insecure }),
    ...(registry.limits === undefined ? {} : { limits: registry.limits }),
    ...(budgets ? { shared: sharedLimits(registry, budgets) } : {}),
    ...(registry.allow_addresses === undefined ? {} : { allowAddresses: registry.allow_addresses }),
  }
}

function sharedLimits({ name, limits }: Registry, budgets: Budgets): SharedLimits {
  const { connections, requests_per_second: rate } = limits ?? {}
  return {
    connections: connections === undefined ? undefined : budgets.connections(name, connections),
    requests: rate === undefined ? undefined : budgets.throttle(`requests ${name}`, rate),
  }
}

function proxyOf({ proxy, url }: Registry, env: ConnectionOptions['env']): string | undefined {
  return proxy ?? (url === undefined ? undefined : proxyFromEnvironment(url, env))
}
