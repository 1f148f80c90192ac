/** Credentials that Docker and Podman keep: their files in their order, and the helpers that those name. Only ever read. */

import { join } from 'node:path'
import { CredentialError } from '../core/errors.ts'
import type { Credential, PartCredential } from '../core/registry.ts'
import { type DockerEntry, type DockerFile, type DockerSecret, parseDockerFile, secretOfEntry } from './docker-file.ts'
import { type DockerHost, dockerHost } from './docker-host.ts'
import { readText } from './file.ts'
import type { AskHelper } from './helper.ts'
import type { CredentialSurroundings } from './surroundings.ts'

export interface DockerSurroundings extends CredentialSurroundings {
  readonly askHelper: AskHelper
}

/** Milliseconds until a helper is asked again: its answer may be a token of unknown life, an hour or less. */
const HELPER_LIFE = 10 * 60_000

/** The first file that has a credential for the registry at `url` answers, with what it and those before it have for parts of it; with
 *  parts alone the rest is anonymous. A broken file is a `CredentialError`; a helper that fails, a broken variable, and a file that may not
 *  be read are warnings. */
export async function dockerCredential(url: string, surroundings: DockerSurroundings): Promise<Credential | undefined> {
  const { secrets, now = Date.now } = surroundings
  const host = dockerHost(url)
  const found: PartCredential[] = []
  const parts = () => (found.length === 0 ? {} : { parts: found })
  for await (const { file, origin } of dockerFiles(surroundings)) {
    found.push(...partsIn(file, origin, host, surroundings))
    const whole = await searchFile(file, origin, host, surroundings)
    if (!whole) continue
    const { secret, place, isHelper } = whole
    hide(secret, secrets)
    return {
      ...secret,
      origin: `${origin} (${place})`,
      ...(isHelper ? { expires: now() + HELPER_LIFE } : {}),
      ...parts(),
    }
  }
  return found.length === 0 ? undefined : { kind: 'anonymous', origin: 'no credential for all of it', ...parts() }
}

function hide(secret: DockerSecret, secrets: DockerSurroundings['secrets']): void {
  if (secret.kind === 'basic') secrets(secret.password, secret.username)
  else secrets(secret.token)
}

/** The most specific one first. */
function partsIn(
  file: DockerFile,
  origin: string,
  host: DockerHost,
  surroundings: DockerSurroundings,
): readonly PartCredential[] {
  const found = Object.entries(file.auths ?? {}).flatMap(([key, entry]): PartCredential[] => {
    const prefix = host.partOf(key)
    const secret = prefix === undefined ? undefined : secretIn(key, entry ?? {}, origin, surroundings)
    if (prefix === undefined || !secret) return []
    hide(secret, surroundings.secrets)
    return [{ prefix, credential: { ...secret, origin: `${origin} (auths, ${key})` } }]
  })
  return found.toSorted((a, b) => b.prefix.length - a.prefix.length)
}

/** Undefined for an entry without a secret. */
function secretIn(
  key: string,
  entry: DockerEntry,
  origin: string,
  { warn }: Pick<DockerSurroundings, 'warn'>,
): DockerSecret | undefined {
  try {
    return secretOfEntry(entry)
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error
    warn(`${origin}: the entry ${key} is passed over: ${error.message}`)
    return undefined
  }
}

interface Found {
  readonly secret: DockerSecret
  readonly place: string
  readonly isHelper: boolean
}

/** A helper for just this registry comes before everything else in the file; the store for all registries comes last. */
async function searchFile(
  file: DockerFile,
  origin: string,
  host: DockerHost,
  surroundings: DockerSurroundings,
): Promise<Found | undefined> {
  const helpers = file.credHelpers ?? {}
  const key = host.keys.find((name) => Object.hasOwn(helpers, name))
  const own = key === undefined ? undefined : helpers[key]
  // Docker asks for a key with a port under just that key.
  const servers = key === undefined || host.servers.includes(key) ? host.servers : [key, ...host.servers]
  return (
    (await searchHelper(own, origin, servers, surroundings)) ??
    searchAuths(file, origin, host, surroundings) ??
    (file.credsStore === own ? undefined : await searchHelper(file.credsStore, origin, host.servers, surroundings))
  )
}

function searchAuths(
  file: DockerFile,
  origin: string,
  host: DockerHost,
  surroundings: DockerSurroundings,
): Found | undefined {
  const auths = file.auths ?? {}
  const exact = host.keys.filter((key) => Object.hasOwn(auths, key))
  const similar = Object.keys(auths).filter((key) => !exact.includes(key) && host.matches(key))
  for (const key of [...exact, ...similar]) {
    const secret = secretIn(key, auths[key] ?? {}, origin, surroundings)
    if (secret) return { secret, place: 'auths', isHelper: false }
  }
  return undefined
}

async function searchHelper(
  name: string | null | undefined,
  origin: string,
  servers: readonly string[],
  { askHelper, warn }: DockerSurroundings,
): Promise<Found | undefined> {
  if (!name) return undefined
  try {
    for (const server of servers) {
      const secret = await askHelper(name, server)
      if (secret) return { secret, place: `docker-credential-${name}`, isHelper: true }
    }
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error
    warn(`${origin}: ${error.message}`)
  }
  return undefined
}

const LARGEST_FILE = 4 * 1024 * 1024

/** Opened one after another, so that a broken file does not matter when an earlier one answers. */
async function* dockerFiles(surroundings: DockerSurroundings): AsyncGenerator<{ file: DockerFile; origin: string }> {
  const { env, home, warn } = surroundings
  if (env.DOCKER_AUTH_CONFIG) {
    const origin = 'environment (DOCKER_AUTH_CONFIG)'
    const file = attempt(() => parseDockerFile(env.DOCKER_AUTH_CONFIG ?? '', 'DOCKER_AUTH_CONFIG', 'config'), warn)
    if (file) yield { file, origin }
  }
  for (const { path, tool } of dockerPaths(surroundings)) {
    let text: string | undefined
    try {
      text = await readText(path, LARGEST_FILE)
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error
      warn(error.message)
    }
    if (text === undefined) {
      if (path === env.REGISTRY_AUTH_FILE)
        warn(`REGISTRY_AUTH_FILE names ${path}, which does not exist: no login is read`)
      continue
    }
    const shown = home !== undefined && path.startsWith(join(home, '/')) ? join('~', path.slice(home.length)) : path
    const format = path.endsWith('.dockercfg') ? 'dockercfg' : 'config'
    yield { file: parseDockerFile(text, path, format), origin: `${tool} config ${shown}` }
  }
}

/** A file named by REGISTRY_AUTH_FILE is the only one. */
function dockerPaths({ env, home }: DockerSurroundings): readonly { path: string; tool: 'docker' | 'podman' }[] {
  if (env.REGISTRY_AUTH_FILE) return [{ path: env.REGISTRY_AUTH_FILE, tool: 'podman' }]
  const runtime = env.XDG_RUNTIME_DIR || (process.getuid ? `/run/containers/${process.getuid()}` : undefined)
  const ofRuntime = env.XDG_RUNTIME_DIR ? 'containers/auth.json' : 'auth.json'
  const below = (...names: readonly string[]) => (home === undefined ? undefined : join(home, ...names))
  const config = env.XDG_CONFIG_HOME || below('.config')
  const docker = env.DOCKER_CONFIG || below('.docker')
  const old = below('.dockercfg')
  return [
    ...(process.platform === 'linux' && runtime ? [{ path: join(runtime, ofRuntime), tool: 'podman' } as const] : []),
    ...(config ? [{ path: join(config, 'containers', 'auth.json'), tool: 'podman' } as const] : []),
    ...(docker ? [{ path: join(docker, 'config.json'), tool: 'docker' } as const] : []),
    ...(old ? [{ path: old, tool: 'docker' } as const] : []),
  ]
}

function attempt<T>(parse: () => T, warn: (text: string) => void): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error
    warn(`${error.message}; it is ignored`)
    return undefined
  }
}
