/** What a file says of `replicate serve`. */

import { resolve } from 'node:path'
import type { Channel } from '../core/policy.ts'
import { isLoopback } from '../core/registry.ts'
import type { Role } from '../core/role.ts'
import { type Secret, secret } from '../core/secret.ts'
import { builtNotifications, type PolicyNames } from './outside.ts'
import { salvage } from './salvage.ts'
import { type ServeInput, serveSchema } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'

/** Times in milliseconds. */
export interface ServeSettings {
  readonly host: string
  readonly port: number
  /** Absolute paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly behind_proxy: boolean
  /** Events of one artifact that come within this time are one. */
  readonly settle: number
  readonly health_interval: number
  readonly max_executions: number
  readonly history?: { readonly keep?: number; readonly older_than?: number }
  readonly tokens?: readonly ApiToken[]
  readonly pull_users?: readonly PullUser[]
  readonly notify?: readonly HealthNotification[]
}

/** Who may use the API, and what for. */
export interface ApiToken {
  readonly name: string
  readonly token: Secret
  readonly role: Role
  /** Of a maintainer: those that it may write policies for. */
  readonly namespaces?: readonly string[]
}

/** Who may pull through the gateway. */
export interface PullUser {
  readonly name: string
  readonly password: Secret
  /** Names of policies; absent: all. */
  readonly policies?: readonly string[]
}

/** A notification about a registry that has changed. */
export type HealthNotification = { readonly on: readonly ('unhealthy' | 'healthy')[] } & Channel

/** More often than this a registry is not checked, in milliseconds. */
const SHORTEST_INTERVAL = 1000

/** Paths are relative to `directory`; `written` is what the file says at a place below `serve`, `policies` the names of all. The value may be used only if there are no findings. */
export function builtServe(
  input: unknown,
  directory: string,
  written: PolicyNames['written'] = () => undefined,
  policies: ReadonlySet<string> = new Set(),
): { readonly value: ServeSettings; readonly findings: readonly Finding[] } | undefined {
  // What is wrong with its form was reported with the whole file.
  const parsed = salvage(serveSchema, input)
  if (!parsed) return undefined
  const { listen, tls, notify, tokens, pull_users: users, ...plain } = parsed.data
  const colon = listen.lastIndexOf(':')
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(listen.slice(colon + 1))
  const findings: Finding[] = []
  if (port > 65535) findings.push({ path: ['listen'], message: `\`${port}\` is not a port` })
  if (plain.health_interval < SHORTEST_INTERVAL) {
    findings.push({ path: ['health_interval'], message: '`health_interval` is at least 1s' })
  }
  if (!tls && !plain.behind_proxy && !isLoopback(listen)) {
    const hint = 'give it `tls: {cert: …, key: …}`, or say `behind_proxy: true` where a proxy does that'
    findings.push({
      path: ['listen'],
      message: `\`${listen}\` is not only this machine, and would be without TLS`,
      hint,
    })
  }
  return {
    value: {
      ...plain,
      host,
      port,
      ...(tokens ? { tokens: builtTokens(tokens, findings) } : {}),
      ...(users ? { pull_users: builtUsers(users, policies, findings) } : {}),
      ...(notify ? { notify: builtNotifications(notify, { directory, written }, findings) } : {}),
      ...(tls ? { tls: { cert: resolve(directory, tls.cert), key: resolve(directory, tls.key) } } : {}),
    },
    findings: findings.map((finding) => ({ ...finding, path: ['serve', ...finding.path] })),
  }
}

/** A shorter one can be guessed. */
const SHORTEST_TOKEN = 16

function builtTokens(inputs: NonNullable<ServeInput['tokens']>, findings: Finding[]): readonly ApiToken[] {
  const names = new Set<string>()
  return inputs.map(({ name, token, role, namespaces }, at): ApiToken => {
    const path = ['tokens', at]
    if (names.has(name)) findings.push({ path: [...path, 'name'], message: `there are two tokens \`${name}\`` })
    names.add(name)
    // A variable that is not known here stays as it is written.
    if (token.length < SHORTEST_TOKEN && !token.startsWith('${')) {
      const hint = '`openssl rand -hex 32` makes one'
      findings.push({ path: [...path, 'token'], message: `it has less than ${SHORTEST_TOKEN} characters`, hint })
    }
    if (/\s/.test(token)) findings.push({ path: [...path, 'token'], message: 'a token has no spaces' })
    if (namespaces && role !== 'maintainer') {
      const message = `\`namespaces\` are for the role \`maintainer\`, and this one is \`${role}\``
      findings.push({ path: [...path, 'namespaces'], message })
    }
    if (!namespaces && role === 'maintainer') {
      const message = 'a maintainer needs `namespaces`: those that it may write policies for'
      findings.push({ path: [...path, 'role'], message })
    }
    return { name, token: secret(token), role, ...(namespaces ? { namespaces } : {}) }
  })
}

function builtUsers(
  inputs: NonNullable<ServeInput['pull_users']>,
  known: ReadonlySet<string>,
  findings: Finding[],
): readonly PullUser[] {
  const names = new Set<string>()
  return inputs.map(({ name, password, policies }, at): PullUser => {
    const path = ['pull_users', at]
    if (names.has(name)) findings.push({ path: [...path, 'name'], message: `there are two users \`${name}\`` })
    names.add(name)
    for (const [index, policy] of (policies ?? []).entries()) {
      if (known.has(policy)) continue
      const message = `there is no policy \`${policy}\``
      findings.push({ path: [...path, 'policies', index], message, hint: didYouMean(policy, [...known]) })
    }
    return { name, password: secret(password), ...(policies ? { policies } : {}) }
  })
}

/** Of a file that says nothing of it. */
export function defaultServe(): ServeSettings {
  const built = builtServe({}, '/')
  if (!built) throw new TypeError('serve has no defaults')
  return built.value
}
