/** Collects the configuration that is made from another tool's file, and the notes for the user. */

import type { AdapterFacts } from '../../core/adapter.ts'
import { isLoopback } from '../../core/registry.ts'
import { isHost, registryOfHost } from '../hosts.ts'
import type { Origin } from './foreign.ts'

export type Plain = string | number | boolean | readonly Plain[] | PlainMapping

export interface PlainMapping {
  readonly [key: string]: Plain | undefined
}

export interface Note {
  readonly origin: Origin
  readonly atKey: boolean
  readonly message: string
  readonly hint: string
  /** The entry that it is about; its comment stands there. */
  readonly on?: EntryPath
  /** Nothing was imported from that place. */
  readonly leftOut: boolean
}

export type EntryPath = readonly ['registries' | 'policies', string]

export interface Entry {
  readonly body: PlainMapping
  readonly origin: Origin
}

/** Where the other tool's file has a secret: written out, in a variable, or in a file. */
export type Secret =
  | { readonly in: 'file' }
  | { readonly in: 'variable'; readonly name: string }
  | { readonly in: 'path'; readonly path: string }

export class Draft {
  readonly registries = new Map<string, Entry>()
  readonly policies = new Map<string, Entry>()
  readonly notes: Note[] = []
  /** Variables that the result needs, with values that stand for theirs while it is checked. */
  readonly variables = new Map<string, string>()
  /** A registry on this machine is meant to be asked in plain HTTP. */
  plainLoopback = false
  readonly #names = new Map<string, string>()
  readonly #said = new Set<string>()
  readonly #counts = new Map<string, number>()
  readonly #types: readonly AdapterFacts[]

  /** `types` are the adapters that exist. */
  constructor(types: readonly AdapterFacts[]) {
    this.#types = types
  }

  /** Defines the registry that `key` stands for from now on: a host, or one with a namespace. The result is its name. */
  define(key: string, host: string, body: PlainMapping, origin: Origin): string {
    const name = this.nameFor(key)
    const before = this.registries.get(name)?.body
    const { type, url } = registryOfHost(host, this.#types)
    const secure = isLoopback(host) && !this.plainLoopback ? `https://${host}` : url
    this.#names.set(key, name)
    this.registries.set(name, { body: { type, ...(secure ? { url: secure } : {}), ...before, ...body }, origin })
    return name
  }

  /** The name that a registry for `key` has or would have. */
  nameFor(key: string): string {
    return this.#names.get(key) ?? this.#free(nameOf(key), this.registries)
  }

  isDefined(key: string): boolean {
    return this.#names.has(key)
  }

  /** The registry as policies write it: its name if it is defined, else the host. On this machine a bare host would mean plain HTTP. */
  registry(key: string, origin: Origin): string {
    const name = this.#names.get(key)
    if (name !== undefined) return name
    const isPlain = isHost(key) && (this.plainLoopback || !isLoopback(key))
    return isPlain ? key : this.define(key, key, {}, origin)
  }

  /** The adapter that Harbor calls `type`; undefined, with a note, if this version lacks it. */
  harborAdapter(type: string, origin: Origin, on: EntryPath): AdapterFacts | undefined {
    const found = this.#types.find(({ identity, harborType }) => (harborType ?? identity) === type)
    if (!found) {
      const message = `there is no \`type: ${literal(type.toLowerCase())}\` in this version`
      this.note(origin, message, 'it is used as any `docker-registry`', on)
    }
    return found
  }

  /** The result is the name it got. */
  policy(name: string, body: PlainMapping, origin: Origin): string {
    const given = this.#free(nameOf(name), this.policies)
    this.policies.set(given, { body, origin })
    return given
  }

  /** The name, or the name with the first number that makes it one of its own. */
  #free(name: string, taken: ReadonlyMap<string, unknown>): string {
    let candidate = name
    let count = this.#counts.get(name) ?? 1
    for (; taken.has(candidate); candidate = `${name}-${count}`) count += 1
    this.#counts.set(name, Math.max(count - 1, 1))
    return candidate
  }

  note(origin: Origin, message: string, hint: string, on?: EntryPath): void {
    this.notes.push({ origin, message, hint, atKey: true, leftOut: false, ...(on ? { on } : {}) })
  }

  /** For a remark about many entries: it is noted once, at the first. */
  noteOnce(origin: Origin, message: string, hint: string): void {
    if (!this.#said.has(message)) this.note(origin, message, hint)
    this.#said.add(message)
  }

  leaveOut(origin: Origin, message: string, hint: string): void {
    this.notes.push({ origin, message, hint, atKey: false, leftOut: true })
  }

  /** A credential whose secret stays out of the file. */
  credential(name: string, username: string, secret: Secret, origin: Origin): PlainMapping {
    const credential = { type: 'basic', username }
    if (secret.in === 'path') return { ...credential, password_file: literal(secret.path) }
    const variable = secret.in === 'variable' ? secret.name : variableFor(name, 'PASSWORD')
    if (secret.in === 'file') {
      const hint = `set ${variable}; or delete \`credential\` and use \`docker login\` or the keychain`
      this.note(origin, `the secret stays behind: \`${name}\` takes it from \${${variable}}`, hint, [
        'registries',
        name,
      ])
    }
    return { ...credential, password: this.variable(variable, 'secret') }
  }

  /** A reference to an environment variable; `example` stands for its value while the result is checked. */
  variable(name: string, example: string): string {
    this.variables.set(name, example)
    return `\${${name}}`
  }
}

/** Text that means itself, where `${` would begin a variable. */
export function literal(text: string): string {
  return text.split('${').join('$${')
}

/** The name of an environment variable about a registry. */
export function variableFor(name: string, what: string): string {
  const plain = `${name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}_${what}`
  return /^[A-Z]/.test(plain) ? plain : `REGISTRY_${plain.replace(/^_+/, '')}`
}

function nameOf(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9._-]+/g, '-').replace(/^[^a-zA-Z0-9]+|-+$/g, '') || 'unnamed'
}
