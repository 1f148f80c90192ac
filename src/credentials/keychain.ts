/** The keychain of the operating system: an entry for each registry, with its name as the account. */

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { CredentialError } from '../core/errors.ts'
import type { Credential, Registry } from '../core/registry.ts'
import { credentialOf, SECRET_TYPES, type Tell, type WrittenCredential } from './kinds.ts'

/** All methods throw a `KeychainError`. */
export interface Keychain {
  /** The entries by registry; undefined for one that this program did not write. Read once, and again after a change. */
  entries(): Promise<ReadonlyMap<string, KeychainEntry | undefined>>
  /** Replaces the registry's entry. From now on the entry belongs to the registry's present address. */
  store(registry: Pick<Registry, 'name' | 'url'>, credential: WrittenCredential): Promise<void>
  /** False where there was none. */
  remove(registry: string): Promise<boolean>
}

export interface KeychainEntry extends WrittenCredential {
  /** Scheme, host and port that the credential may be sent to; absent in entries of older versions. */
  readonly address?: string | undefined
}

export class KeychainError extends CredentialError {
  /** True where this machine has no keychain, as is usual in containers and in CI; false where the keychain failed. */
  readonly absent: boolean
  constructor(message: string, absent: boolean) {
    const instead =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the user writes
      'use `REPLICATE_<NAME>_USERNAME` and `_PASSWORD`, `password: ${VARIABLE}` or `password_file:` in the configuration, or `docker login`'
    super(message, { hint: absent ? instead : `unlock it and try again, or ${instead}` })
    this.absent = absent
  }
}

/** Where credentials say they come from. */
export const KEYCHAIN_ORIGIN = 'keychain'

/**
 * Undefined where the keychain has no entry for the registry, or where there is no keychain. A keychain that fails is passed over with a
 * warning. An entry that makes no sense, or that belongs to another address than the registry has, is a `CredentialError`: anyone can
 * write a file that calls another host by that name.
 */
export async function keychainCredential(
  { name, url, untrusted }: Pick<Registry, 'name' | 'url' | 'untrusted'>,
  keychain: Keychain,
  surroundings: Tell,
): Promise<Credential | undefined> {
  let entries: Awaited<ReturnType<Keychain['entries']>>
  try {
    entries = await keychain.entries()
  } catch (error) {
    if (!(error instanceof KeychainError)) throw error
    if (!error.absent) surroundings.warn(`${error.message}; it is passed over`)
    return undefined
  }
  if (!entries.has(name)) return undefined
  const entry = entries.get(name)
  const whose = `the keychain's entry for ${name}`
  if (!entry) {
    throw new CredentialError(`${whose} was not written by this program`, {
      hint: `replace it: replicate credentials set ${name}`,
    })
  }
  const address = originOf(url)
  if ((untrusted || entry.address !== undefined) && entry.address !== address) {
    throw new CredentialError(
      `${whose} is for ${entry.address ?? 'no address yet'}, and is not sent to ${address ?? 'another place'}`,
      {
        hint: `if it belongs there now: replicate credentials set ${name}; else give the registry another name`,
      },
    )
  }
  return credentialOf(entry, { origin: KEYCHAIN_ORIGIN, whose }, surroundings)
}

export interface KeychainOptions {
  /** Says where the session's bus is. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds; default 5 s to read, and 30 s to write, since a dialog may ask for the keychain's password. */
  readonly timeout?: number
}

const SERVICE = 'replicate'
const READ_WITHIN = 5_000
const WRITE_WITHIN = 30_000

export function createKeychain({ env, timeout }: KeychainOptions): Keychain {
  let known: ReturnType<Keychain['entries']> | undefined

  async function ask(request: Request, within: number): Promise<unknown> {
    if (!mayExist(env)) throw new KeychainError('this machine has no keychain: there is no session bus', true)
    return run(request, env, timeout ?? within)
  }

  return {
    entries() {
      known ??= ask({ action: 'list' }, READ_WITHIN).then(
        (answer) => new Map(listed.parse(answer).map(({ account, password }) => [account, parsed(password)])),
      )
      return known
    },
    async store({ name, url }, credential) {
      known = undefined
      const kept: KeychainEntry = { ...credential, address: originOf(url) }
      await ask({ action: 'store', account: name, secret: JSON.stringify(kept) }, WRITE_WITHIN)
    },
    async remove(account) {
      known = undefined
      return (await ask({ action: 'remove', account }, WRITE_WITHIN)) === true
    },
  }
}

function originOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).origin
}

/** Without a session bus there is no Secret Service, which can be known before anything is loaded. */
function mayExist(env: KeychainOptions['env']): boolean {
  if (process.platform === 'darwin' || process.platform === 'win32' || env.DBUS_SESSION_BUS_ADDRESS) return true
  return Boolean(env.XDG_RUNTIME_DIR) && existsSync(join(env.XDG_RUNTIME_DIR ?? '', 'bus'))
}

const listed = z.array(z.object({ account: z.string(), password: z.string() }))
const entry = z.object({
  type: z.enum(SECRET_TYPES),
  username: z.string().optional(),
  secret: z.string().min(1),
  session: z.string().optional(),
  address: z.string().optional(),
})

function parsed(password: string): KeychainEntry | undefined {
  try {
    return entry.safeParse(JSON.parse(password)).data
  } catch {
    return undefined
  }
}

interface Request {
  readonly action: 'list' | 'store' | 'remove'
  readonly account?: string
  readonly secret?: string
}

/**
 * A keychain may never answer, and a call into it cannot be cancelled: not even the process can exit during it. So a child process, which
 * can be killed, makes the call. `secret-service`, since the kernel's keyring would lose the entry at the next restart.
 */
const SCRIPT = `
const { readFileSync, writeFileSync } = require('node:fs')
const answer = (value) => writeFileSync(1, JSON.stringify(value))
const work = async ({ action, service, account, secret }) => {
  const { AsyncEntry, findCredentialsAsync } = await import(process.argv[1])
  if (action === 'list') return findCredentialsAsync(service)
  const entry = new AsyncEntry(service, account, { linux: { store: 'secret-service' } })
  return action === 'store' ? entry.setPassword(secret) : entry.deletePassword()
}
work(JSON.parse(readFileSync(0, 'utf8'))).then(
  (value) => answer({ value: value ?? null }),
  (error) => answer({ error: String(error.message) }),
)`

const answer = z.union([z.object({ error: z.string() }), z.object({ value: z.unknown() })])

/** The errors for: no Secret Service on the bus, no bus, no build of the package for this platform. */
const ABSENT = /not provided by any|NameHasNoOwner|Failed to connect|native binding|Cannot find (module|package)/i

async function run(request: Request, env: KeychainOptions['env'], within: number): Promise<unknown> {
  const output = await outputOf(JSON.stringify({ ...request, service: SERVICE }), env, within)
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch {
    // Its output may hold a secret.
    throw new KeychainError('the keychain gave no answer', false)
  }
  const given = answer.parse(value)
  if (!('error' in given)) return given.value
  const [why = ''] = given.error.split('\n')
  if (given.error.includes('IsLocked')) throw new KeychainError('the keychain is locked', false)
  if (ABSENT.test(given.error)) throw new KeychainError(`this machine has no keychain: ${why}`, true)
  throw new KeychainError(`the keychain did not ${request.action === 'list' ? 'open' : request.action}: ${why}`, false)
}

function outputOf(input: string, env: KeychainOptions['env'], within: number): Promise<string> {
  // `keytar` is an alias of @napi-rs/keyring (package.json), which keeps the API of the archived keytar. Windows imports URLs, not paths.
  const path = pathToFileURL(createRequire(import.meta.url).resolve('keytar')).href
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=commonjs', '-e', SCRIPT, path], {
      // Node's options, such as an inspector's port, are for this process only.
      env: { ...env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const chunks: Buffer[] = []
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new KeychainError(`the keychain gave no answer within ${within / 1000} s`, false))
    }, within)
    child.on('error', () => {
      clearTimeout(timer)
      reject(new KeychainError('the keychain could not be asked', false))
    })
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
