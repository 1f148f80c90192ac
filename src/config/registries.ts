/** Builds a registry from its checked form, and checks what the schema cannot. */

import { resolve } from 'node:path'
import { type AdapterFacts, isAdapterFile, isForeignType } from '../core/adapter.ts'
import type { CredentialConfig, Registry } from '../core/registry.ts'
import { escapedUserinfo, secret } from '../core/secret.ts'
import { homeUrl } from './hosts.ts'
import { builtOptions } from './options.ts'
import type { RegistryInput } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'
import { RETIRED_TYPES } from './unsupported.ts'

export interface Built<T> {
  readonly value: T
  readonly findings: readonly Finding[]
}

/** Paths are relative to `directory`. The value may be used only if there are no findings. */
export function buildRegistry(
  name: string,
  input: RegistryInput,
  directory: string,
  types: readonly AdapterFacts[],
): Built<Registry> {
  const { path, ca, client_cert, client_key, credential, limits, options, hook_secret, url: _, ...plain } = input
  const facts = types.find(({ identity }) => identity === input.type)
  const { values, findings: wrong } = builtOptions(options ?? {}, input.type, facts)
  const url =
    input.type === 'oci-layout' ? undefined : (input.url?.replace(/\/+$/, '') ?? homeUrl(name, input.type, types))
  const value: Registry = {
    name,
    ...plain,
    type: isAdapterFile(input.type) ? resolve(directory, input.type) : input.type,
    ...(url === undefined ? {} : { url }),
    ...(path === undefined ? {} : { path: resolve(directory, path) }),
    ...(ca === undefined ? {} : { ca: resolve(directory, ca) }),
    ...(client_cert === undefined ? {} : { client_cert: resolve(directory, client_cert) }),
    ...(client_key === undefined ? {} : { client_key: resolve(directory, client_key) }),
    ...(input.proxy === undefined ? {} : { proxy: withScheme(input.proxy) }),
    ...(credential === undefined ? {} : { credential: builtCredential(credential, directory) }),
    ...(limits === undefined ? {} : { limits }),
    ...(options === undefined ? {} : { options: values }),
    ...(hook_secret === undefined ? {} : { hook_secret: hook_secret === 'none' ? hook_secret : secret(hook_secret) }),
  }
  const known = facts ? [...placeFindings(input, url), ...kindFindings(input, facts), ...wrong] : []
  const foreign = isForeignType(input.type)
  const findings = facts || foreign ? [...known, ...tlsFindings(input), ...credentialFindings(input)] : []
  const unknown = facts || foreign ? [] : typeFindings(input.type, types)
  const all = [...unknown, ...findings]
  return { value, findings: all.map((finding) => ({ ...finding, path: ['registries', name, ...finding.path] })) }
}

function typeFindings(type: string, types: readonly AdapterFacts[]): readonly Finding[] {
  const path = ['type']
  const successor = RETIRED_TYPES.get(type)
  if (successor !== undefined) {
    return [{ path, message: `\`type: ${type}\`: the service is gone`, hint: `\`type: ${successor}\` has what it had` }]
  }
  const known = types.map(({ identity }) => identity)
  const hint = didYouMean(type, known) ?? `the types are ${known.join(', ')}`
  return [{ path, message: `no adapter is named \`${type}\``, hint }]
}

/** A kind of credential that the adapter does not take. */
function kindFindings({ type, credential }: RegistryInput, { credentials }: AdapterFacts): readonly Finding[] {
  if (!credential || credentials.includes(credential.type)) return []
  const message = `\`${type}\` takes no credential of \`type: ${credential.type}\``
  const hint = credentials.length === 0 ? 'it needs none' : `it takes ${credentials.join(', ')}`
  return [{ path: ['credential', 'type'], message, hint }]
}

function placeFindings(input: RegistryInput, url: string | undefined): readonly Finding[] {
  if (input.type === 'oci-layout') {
    const wrong =
      input.url === undefined
        ? []
        : [{ path: ['url'], atKey: true, message: 'an `oci-layout` has a `path`, not a `url`' }]
    return input.path === undefined
      ? [...wrong, { path: [], atKey: true, message: '`path` is missing', absence: true }]
      : wrong
  }
  const wrong: Finding[] =
    input.path === undefined ? [] : [{ path: ['path'], atKey: true, message: 'only an `oci-layout` has a `path`' }]
  if (url === undefined) return [...wrong, { path: [], atKey: true, message: '`url` is missing', absence: true }]
  if (/^https?:\/\/[^/]*@/.test(url)) {
    const hint = 'user and password belong under `credential`, in the keychain, or in `docker login`'
    return [...wrong, { path: ['url'], message: '`url` holds a user name', hint }]
  }
  if (!URL.canParse(url)) wrong.push(notUrl('url', url, 'https://registry.example.com'))
  const proxy = input.proxy === undefined ? undefined : withScheme(input.proxy)
  if (proxy !== undefined && !URL.canParse(proxy)) wrong.push(notUrl('proxy', proxy, 'http://proxy.example.com:3128'))
  return wrong
}

/** A proxy without a scheme is plain HTTP, as for curl. */
function withScheme(proxy: string): string {
  return escapedUserinfo(/^https?:\/\//.test(proxy) ? proxy : `http://${proxy}`)
}

function notUrl(key: string, url: string, example: string): Finding {
  return { path: [key], message: `\`${url}\` is not a URL such as \`${example}\`` }
}

function tlsFindings({ client_cert, client_key }: RegistryInput): readonly Finding[] {
  if ((client_cert === undefined) === (client_key === undefined)) return []
  const [given, missing] = client_cert === undefined ? ['client_key', 'client_cert'] : ['client_cert', 'client_key']
  return [{ path: [given], atKey: true, message: `\`${given}\` needs \`${missing}\` beside it` }]
}

interface CredentialKeys {
  readonly secret?: string
  readonly needed: readonly string[]
  readonly allowed: readonly string[]
}

const NO_KEYS: CredentialKeys = { needed: [], allowed: [] }

/** Which keys a type of credential has beside `type`; where `password_file` is allowed, it stands for the secret. */
const CREDENTIAL_KEYS: Readonly<Record<CredentialConfig['type'], CredentialKeys>> = {
  basic: { secret: 'password', needed: ['username'], allowed: ['username', 'password', 'password_file'] },
  token: { secret: 'token', needed: [], allowed: ['username', 'token', 'password_file'] },
  access_key: { secret: 'password', needed: ['username'], allowed: ['username', 'password', 'password_file', 'token'] },
  service_account: { secret: 'password', needed: [], allowed: ['password', 'password_file'] },
  aws: NO_KEYS,
  google: NO_KEYS,
  azure: NO_KEYS,
  anonymous: NO_KEYS,
}

function credentialFindings({ credential }: RegistryInput): readonly Finding[] {
  if (!credential) return []
  const { type, ...rest } = credential
  const path = ['credential']
  const { secret: key, needed, allowed } = CREDENTIAL_KEYS[type]
  const given = Object.entries(rest).flatMap(([key, value]) => (value === undefined ? [] : [key]))
  const missing = (what: string): Finding => ({
    path,
    atKey: true,
    message: `a \`${type}\` credential needs ${what}`,
    absence: true,
  })
  const findings: Finding[] = given
    .filter((one) => !allowed.includes(one))
    .map((one) => ({ path: [...path, one], atKey: true, message: `a \`${type}\` credential has no \`${one}\`` }))
  findings.push(...needed.filter((one) => !given.includes(one)).map((one) => missing(`\`${one}\``)))
  if (key === undefined) return findings
  const [plain, filed] = [given.includes(key), given.includes('password_file')]
  if (!plain && !filed) findings.push(missing(`\`${key}\` or \`password_file\``))
  if (plain && filed) {
    findings.push({
      path: [...path, 'password_file'],
      atKey: true,
      message: `give \`${key}\` or \`password_file\`, not both`,
    })
  }
  return findings
}

function builtCredential(input: NonNullable<RegistryInput['credential']>, directory: string): CredentialConfig {
  const { password_file, ...plain } = input
  return password_file === undefined ? plain : { ...plain, password_file: resolve(directory, password_file) }
}
