/** Finds and reads the configuration files of a command. */

import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { AdapterFacts } from '../core/adapter.ts'
import { ConfigurationError, errorCode, hasCode, messageOf, type Problem } from '../core/errors.ts'
import type { Configuration } from './load.ts'
import { type PathOptions, type UserConfiguration, userConfiguration } from './paths.ts'
import type { ConfigurationFile } from './source.ts'

export interface ReadOptions extends PathOptions {
  /** As the user wrote them; `-` is standard input. Without any, the user's configuration is the file. */
  readonly files: readonly string[]
  readonly stdin: () => Promise<string>
  /** The adapters that exist. */
  readonly types: readonly AdapterFacts[]
  /** `--untrusted`: files that the user names are a stranger's; the user's own configuration is not. */
  readonly untrusted?: boolean
  /** true: nothing will be contacted, so that variables need not be set. */
  readonly offline?: boolean
  /** The queue of workers may stand in the user's configuration beside the files. */
  readonly workers?: boolean
  /** Told each secret that came from the environment, so that it is never shown. */
  readonly secrets?: (secret: string) => void
}

const MAX_BYTES = 4 * 1024 * 1024

/** Reads and checks everything. Throws a `ConfigurationError` that names all that is wrong. */
export async function readConfiguration(options: ReadOptions): Promise<Configuration> {
  const files = await readFiles(options)
  // The YAML parser and the schema are slow to load, and most commands need neither.
  const load = options.offline
    ? (await import('./offline.ts')).loadOffline
    : (await import('./load.ts')).loadConfiguration
  const configuration = load(files, options)
  for (const secret of configuration.secrets) options.secrets?.(secret)
  return configuration
}

/** The paths of what `readConfiguration` reads, whether they exist or not: absolute; `-` is standard input. */
export function configurationFiles(options: Pick<ReadOptions, 'files' | keyof PathOptions>): readonly string[] {
  const named = options.files.map((file) => (file === '-' ? '-' : resolve(options.cwd, file)))
  return [...new Set([...named, userConfiguration(options).path])]
}

/** The files, and beside them the user's configuration where there is one. Throws a `ConfigurationError`. */
export async function readFiles(options: Omit<ReadOptions, 'types'>): Promise<readonly ConfigurationFile[]> {
  const paths = new Set(options.files.map((file) => (file === '-' ? '-' : resolve(options.cwd, file))))
  const problems: Problem[] = []
  const read = async (path: string, text: () => Promise<string | undefined>): Promise<ConfigurationFile[]> => {
    try {
      const content = await text()
      return content === undefined ? [] : [{ path, text: content }]
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      const { hint } = error
      problems.push(...error.problems.map((problem) => (hint === undefined ? problem : { ...problem, hint })))
      return []
    }
  }
  const named: ConfigurationFile[] = []
  const user = userConfiguration(options)
  for (const path of paths) {
    const found = await read(path, () => (path === '-' ? standardInput(options.stdin) : textOf(path)))
    const untrusted = options.untrusted && path !== user.path
    named.push(...(untrusted ? found.map((file) => ({ ...file, untrusted })) : found))
  }
  const beside = paths.has(user.path) ? [] : await read(user.path, () => userText(user))
  if (problems.length > 0) throw new ConfigurationError(problems)
  return [...named, ...beside.map((file) => (paths.size > 0 ? { ...file, fallback: true } : file))]
}

/** One file as it is, whatever its format; `-` is standard input. Throws a `ConfigurationError`. */
export async function readOne(
  file: string,
  { cwd, stdin }: Pick<ReadOptions, 'cwd' | 'stdin'>,
): Promise<ConfigurationFile> {
  const path = file === '-' ? '-' : resolve(cwd, file)
  return { path, text: path === '-' ? await standardInput(stdin) : await textOf(path) }
}

/** The default file need not be there. */
async function userText({ path, namedBy }: UserConfiguration): Promise<string | undefined> {
  if (namedBy !== undefined) return textOf(path, ` (from ${namedBy})`)
  try {
    await stat(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
  }
  return textOf(path)
}

async function standardInput(stdin: () => Promise<string>): Promise<string> {
  const text = await stdin()
  if (Buffer.byteLength(text) > MAX_BYTES) throw tooLarge('standard input')
  return text
}

async function textOf(path: string, origin = ''): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw tooLarge(path)
    const bytes = await readFile(path)
    if (bytes.length > MAX_BYTES) throw tooLarge(path)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof ConfigurationError) throw error
    throw new ConfigurationError(`cannot read ${path}${origin}: ${reasonOf(error)}`, { cause: error })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  EROFS: 'it is on a read-only file system',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
}

export function reasonOf(error: unknown): string {
  return REASONS[errorCode(error)] ?? messageOf(error)
}

function tooLarge(path: string): ConfigurationError {
  return new ConfigurationError(`${path} is larger than 4 MiB`, { hint: 'split it into several files' })
}
