/** Looks whether everything around a replication is as it should be, one thing after another; changes nothing. */

import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import metadata from '../../package.json' with { type: 'json' }
import type { Configuration } from '../config/load.ts'
import { homeDirectory, type PathOptions, userConfiguration } from '../config/paths.ts'
import type { Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { ConfigurationError, ReplicateError } from '../core/errors.ts'
import { plural } from '../core/plural.ts'
import type { Registry } from '../core/registry.ts'
import { formatBytes } from '../core/size.ts'
import type { ShownQueue } from '../core/worker.ts'
import { KeychainError } from '../credentials/keychain.ts'
import { type Inspection, inspectHistory } from '../history/inspect.ts'
import type { Connections } from './connections.ts'
import { pingRegistry } from './ping.ts'

export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed'
  readonly detail: string
  readonly hint?: string | undefined
}

export interface Patient {
  readonly paths: PathOptions
  readonly connections: Connections
  readonly clock: Pick<Clock, 'now'>
  configuration(): Promise<Configuration>
  /** Who takes tasks from the queue of a configuration. Throws where it cannot be used. */
  workers(signal: AbortSignal, configuration: Configuration): Promise<ShownQueue>
}

export async function* examine(patient: Patient, ctx: Context): AsyncIterable<Check> {
  const inspected = await attempt(async () => inspectHistory(homeDirectory(patient.paths)))
  yield versions(inspected)
  const configuration = await attempt(() => patient.configuration())
  yield await configurationCheck(patient.paths, configuration)
  yield await homeCheck(patient.paths)
  yield databaseCheck(inspected)
  yield await keychainCheck(patient.connections)
  const registries = 'error' in configuration ? [] : [...configuration.value.registries.values()]
  const reached = registries.map((registry) => registryCheck(registry, patient, ctx))
  for (const check of reached) yield (await check).check
  const skews = (await Promise.all(reached)).flatMap(({ skew }) => (skew === undefined ? [] : [skew]))
  if (!('error' in configuration) && configuration.value.workers) {
    yield await workersCheck(patient, configuration.value, ctx)
  }
  yield clockCheck(skews)
}

type Attempt<T> = { readonly value: T } | { readonly error: ReplicateError }

async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() }
  } catch (error) {
    if (error instanceof ReplicateError) return { error }
    throw error
  }
}

function failed(name: string, { message, hint }: ReplicateError): Check {
  return { name, status: 'failed', detail: message, hint }
}

function versions(inspected: Attempt<Inspection>): Check {
  const sqlite = 'error' in inspected ? '' : `, SQLite ${inspected.value.sqlite}`
  const system = `${process.platform} ${process.arch}`
  const detail = `replicate ${metadata.version}, Node ${process.versions.node}${sqlite}, ${system}`
  return { name: 'versions', status: 'ok', detail }
}

async function configurationCheck(paths: PathOptions, read: Attempt<Configuration>): Promise<Check> {
  const name = 'configuration'
  const { path } = userConfiguration(paths)
  if ('error' in read) {
    const { error } = read
    const [first] = error instanceof ConfigurationError ? error.problems : []
    const place = first?.position ? `${first.position.file}:${first.position.line}: ` : ''
    const hint = first?.hint ?? error.hint ?? 'see all of it: replicate policies validate'
    return { name, status: 'failed', detail: `${place}${first?.message ?? error.message}`, hint }
  }
  const mode = await modeOf(path)
  if (mode === undefined) {
    const hint = 'write one to start from: replicate config init'
    return { name, status: 'warning', detail: `there is no file at ${path}`, hint }
  }
  const { registries, policies } = read.value
  const detail = `${path}: registries ${registries.size}, policies ${policies.length}`
  if ((mode & 0o022) === 0) return { name, status: 'ok', detail }
  const hint = `anyone who can write to it can get the passwords of its registries: chmod go-w ${path}`
  return { name, status: 'warning', detail: `${path} can be written by others`, hint }
}

async function homeCheck(paths: PathOptions): Promise<Check> {
  const name = 'home'
  const found = await attempt(async () => homeDirectory(paths))
  if ('error' in found) return failed(name, found.error)
  const home = found.value
  const mode = await modeOf(home)
  const parent = mode === undefined ? await nearest(home) : home
  if (!(await isWritable(parent))) {
    const hint = 'change its owner or permissions, or choose another with --home or REPLICATE_HOME'
    return { name, status: 'failed', detail: `${parent} cannot be written`, hint }
  }
  if (mode === undefined) return { name, status: 'ok', detail: `${home}, made at the first run` }
  if ((mode & 0o077) === 0) return { name, status: 'ok', detail: home }
  return { name, status: 'warning', detail: `${home} can be entered by others`, hint: `chmod go= ${home}` }
}

/** Permissions; none that could be too wide where the system has others. Undefined where there is nothing. */
async function modeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found && (process.platform === 'win32' ? 0 : found.mode & 0o777)
}

/** The closest directory above that exists. */
async function nearest(path: string): Promise<string> {
  const parent = dirname(path)
  return parent === path || (await modeOf(parent)) !== undefined ? parent : nearest(parent)
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
}

function databaseCheck(inspected: Attempt<Inspection>): Check {
  const name = 'database'
  if ('error' in inspected) return failed(name, inspected.error)
  const { found, currentFormat, file } = inspected.value
  if (!found) return { name, status: 'ok', detail: 'none yet' }
  if (found.damage.length > 0) {
    const hint = 'move it away to begin a new history, or put a backup in its place'
    return { name, status: 'failed', detail: `${file} is damaged: ${found.damage.join('; ')}`, hint }
  }
  if (found.format > currentFormat) {
    const detail = `${file} was written by a newer version (format ${found.format}; this one knows ${currentFormat})`
    return { name, status: 'failed', detail, hint: 'use that version, or another directory with --home' }
  }
  const later = found.format < currentFormat ? `, brought to ${currentFormat} by the next run` : ''
  return { name, status: 'ok', detail: `whole, ${formatBytes(found.size)}, format ${found.format}${later}` }
}

async function keychainCheck({ keychain }: Connections): Promise<Check> {
  const name = 'keychain'
  const found = await attempt(() => keychain.entries())
  if (!('error' in found)) return { name, status: 'ok', detail: `entries ${found.value.size}` }
  const isAbsent = found.error instanceof KeychainError && found.error.absent
  return { ...failed(name, found.error), status: isAbsent ? 'warning' : 'failed' }
}

async function workersCheck(patient: Patient, configuration: Configuration, { signal }: Context): Promise<Check> {
  const name = 'workers'
  const found = await attempt(() => patient.workers(signal, configuration))
  if ('error' in found) return failed(name, found.error)
  const { queue, name: called, workers } = found.value
  if (workers.length === 0) {
    const detail = `none takes tasks from ${queue} (name ${called})`
    return { name, status: 'warning', detail, hint: 'start one: replicate worker' }
  }
  const verb = workers.length === 1 ? 'takes' : 'take'
  return { name, status: 'ok', detail: `${plural(workers.length, 'worker')} ${verb} tasks from ${queue}` }
}

interface Reached {
  readonly check: Check
  /** How far this machine's clock is ahead of the registry's, in milliseconds. */
  readonly skew?: { readonly registry: string; readonly ahead: number } | undefined
}

async function registryCheck(registry: Registry, patient: Patient, ctx: Context): Promise<Reached> {
  const name = `registry ${registry.name}`
  const steps = await pingRegistry(registry, patient.connections, ctx)
  const broken = steps.find(({ ok }) => !ok)
  if (broken) {
    const hint = `see each step: replicate registries ping ${registry.name}`
    return { check: { name, status: 'failed', detail: `${broken.name}: ${broken.detail}`, hint } }
  }
  const detail = steps.find((step) => step.name === 'credential')?.detail ?? steps.at(-1)?.detail ?? ''
  return { check: { name, status: 'ok', detail }, skew: await skewOf(registry, patient, ctx) }
}

/** By the header `Date` of its answer; undefined where it gives none. */
async function skewOf(registry: Registry, { connections, clock }: Patient, ctx: Context): Promise<Reached['skew']> {
  if (registry.url === undefined) return undefined
  const http = await connections.http(registry)
  const answer = await attempt(() => http.request({ method: 'GET', url: '/v2/' }, ctx))
  if ('error' in answer) return undefined
  const now = clock.now()
  await answer.value.discard()
  const date = Date.parse(answer.value.headers.date ?? '')
  return Number.isNaN(date) ? undefined : { registry: registry.name, ahead: now - date }
}

/** Milliseconds. The header has whole seconds, and was written before it was read. */
const UNREMARKABLE = 30_000
/** From here on tokens and signatures are refused. */
const TOO_FAR = 5 * 60_000

function clockCheck(skews: readonly NonNullable<Reached['skew']>[]): Check {
  const name = 'clock'
  const [worst] = skews.toSorted((a, b) => Math.abs(b.ahead) - Math.abs(a.ahead))
  if (!worst) return { name, status: 'warning', detail: 'no registry sent its time, so the clock was not compared' }
  const off = Math.abs(worst.ahead)
  const seconds = Math.round(off / 1000)
  if (off < UNREMARKABLE) return { name, status: 'ok', detail: `within ${Math.max(seconds, 1)} s of ${worst.registry}` }
  const detail = `${seconds} s ${worst.ahead > 0 ? 'ahead of' : 'behind'} ${worst.registry}`
  const hint = 'set it by NTP: tokens and signatures are good for a few minutes only'
  return { name, status: off < TOO_FAR ? 'warning' : 'failed', detail, hint }
}
