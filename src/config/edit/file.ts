/** Changes the user's configuration file: the result is checked first, then written whole or not at all. */

import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, readlink, realpath, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { DefinitionChange } from '../../core/definition.ts'
import { ConfigurationError, hasCode, ReadonlyFileError, StaleEditError } from '../../core/errors.ts'
import type { Configuration, LoadOptions } from '../load.ts'
import { loadOffline } from '../offline.ts'
import { type PathOptions, userConfiguration } from '../paths.ts'
import { reasonOf } from '../read.ts'
import type { ConfigurationFile } from '../source.ts'
import { changesBetween } from './changes.ts'
import { type Edit, edited } from './edit.ts'

export interface EditMode {
  /** Do everything except write the file. */
  readonly dry?: boolean
  /** Another file than the user's configuration; absolute. */
  readonly file?: string
  /** Files that are read with it: the result must be valid together with them. Where it is one of them, it keeps its place. */
  readonly beside?: readonly ConfigurationFile[]
  /** The `etag` that the file must have; `*` is any. */
  readonly ifMatch?: string
  /** A comment that tells of the edits, where they change anything. */
  readonly note?: Edit | undefined
  /** Asked before the file is written, also of a dry run: what it throws leaves the file alone. */
  readonly expect?: ((edited: Edited) => void) | undefined
}

export interface EditOptions extends EditMode, PathOptions, Omit<LoadOptions, 'env' | 'cwd'> {}

export interface Edited {
  /** Absolute. */
  readonly path: string
  /** The text before and after; equal if nothing had to change. */
  readonly before: string
  readonly after: string
  readonly changes: readonly DefinitionChange[]
  /** Of the file as it would be, or is now. */
  readonly etag: string
  /** What the file means now. */
  readonly configuration: Configuration
}

/** Applies the edits to the user's configuration, which need not exist yet. Throws a `ConfigurationError`, and leaves the file alone, if it
 *  cannot be read, changed or written, if the result is not a valid configuration, or if another process has changed the file meanwhile. */
export async function editConfiguration(edits: readonly Edit[], options: EditOptions): Promise<Edited> {
  const path = options.file ?? userConfiguration(options).path
  const bytes = await bytesOf(path)
  expectSame(path, bytes, options.ifMatch)
  const { mark, text: before } = decoded(path, bytes)
  const sources = edited({ path, text: before }, edits, options.cwd, options.note)
  const after = sources.after.text
  const configuration = checked(path, before, after, options)
  const written = Buffer.from(mark + after)
  const etag = etagOf(after === before ? bytes : written)
  const result = { path, before, after, changes: changesBetween(sources), etag, configuration }
  options.expect?.(result)
  if (after !== before && !options.dry) await replace(path, bytes, written)
  return result
}

/** Loads the user's configuration for editing: a missing file counts as empty, and an unset variable is not an error, because nothing is
 *  contacted. */
export async function editableConfiguration(options: EditOptions): Promise<Configuration> {
  const { path } = userConfiguration(options)
  const bytes = await bytesOf(path)
  return loadOffline(bytes ? [{ path, text: decoded(path, bytes).text }] : [], options)
}

/** Tells one content of a file from every other. */
export async function fileEtag(path: string): Promise<string> {
  return etagOf(await bytesOf(path))
}

function etagOf(bytes: Uint8Array | undefined): string {
  return bytes ? `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"` : '"none"'
}

function expectSame(path: string, bytes: Uint8Array | undefined, ifMatch: string | undefined): void {
  if (ifMatch === undefined || ifMatch === '*' || ifMatch === etagOf(bytes)) return
  throw new StaleEditError(`${path} has changed since it was read`, { hint: 'read it again, and change that' })
}

function checked(path: string, before: string, after: string, options: EditOptions): Configuration {
  try {
    return loadOffline(together(path, after, options), options)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    // A problem that was there before is reported with its place; a new one has no place in the file yet.
    loadOffline(together(path, before, options), options)
    const problems = error.problems.map(({ position: _, text: __, path: ___, ...problem }) => problem)
    throw new ConfigurationError(problems, { cause: error, hint: error.hint })
  }
}

function together(path: string, text: string, { beside = [] }: EditOptions): readonly ConfigurationFile[] {
  const isOne = beside.some((file) => file.path === path)
  return isOne ? beside.map((file) => (file.path === path ? { ...file, text } : file)) : [{ path, text }, ...beside]
}

async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw new ConfigurationError(`cannot read ${path}: ${reasonOf(cause)}`, { cause })
  }
}

const BYTE_ORDER_MARK = '\uFEFF'

function decoded(path: string, bytes: Uint8Array = new Uint8Array()): { readonly mark: string; readonly text: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : ''
    return { mark, text: text.slice(mark.length) }
  } catch (cause) {
    throw new ConfigurationError(`cannot read ${path}: ${reasonOf(cause)}`, { cause })
  }
}

/** Modes for a file that did not exist: only the owner reads it, since it may contain user names. */
const NEW_FILE = 0o600
const NEW_DIRECTORY = 0o700

/** Writes a temporary file beside the target and renames it over the target. A symbolic link stays a link. */
async function replace(path: string, expected: Buffer | undefined, bytes: Buffer): Promise<void> {
  let temporary: string | undefined
  try {
    const target = await targetOf(path)
    await mkdir(dirname(target), { recursive: true, mode: NEW_DIRECTORY })
    temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`)
    const file = await open(temporary, 'wx', NEW_FILE)
    try {
      await file.writeFile(bytes)
      await likeBefore(file, target)
      await file.sync()
    } finally {
      await file.close()
    }
    // Synchronous, so that nothing happens between the check and the rename.
    expectUnchanged(path, expected)
    renameSync(temporary, target)
    temporary = undefined
    await syncDirectory(dirname(target))
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause
    if (hasCode(cause, 'EACCES', 'EPERM', 'EROFS')) {
      throw new ReadonlyFileError(`cannot write ${path}: ${reasonOf(cause)}`, { cause })
    }
    throw new ConfigurationError(`cannot write ${path}: ${reasonOf(cause)}`, { cause })
  } finally {
    if (temporary !== undefined) await rm(temporary, { force: true })
  }
}

/** The path that a link leads to, even if nothing exists there yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
  try {
    return await targetOf(resolve(dirname(path), await readlink(path)))
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOENT')) throw error
    return path
  }
}

/** Copies the permissions of the file, and its owner if that is allowed. */
async function likeBefore(file: FileHandle, target: string): Promise<void> {
  const before = await stat(target).catch(() => undefined)
  if (!before) return
  await file.chown(before.uid, before.gid).catch(() => undefined)
  await file.chmod(before.mode & 0o7777)
}

function expectUnchanged(path: string, expected: Buffer | undefined): void {
  const now = existsSync(path) ? readFileSync(path) : undefined
  const same = expected === undefined ? now === undefined : now?.equals(expected)
  if (!same) {
    throw new StaleEditError(`${path} was changed by another process meanwhile; nothing was written`, {
      hint: 'run the command again',
    })
  }
}

/** Makes the new name survive a power failure, on systems that can sync a directory. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory).catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
