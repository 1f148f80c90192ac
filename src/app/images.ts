/** What brings the images that charts name: charts are read and rendered here, and the registries of images opened. */

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { findImages } from '../charts/images/find.ts'
import type { Helm } from '../charts/images/render.ts'
import { registryOfHost } from '../config/hosts.ts'
import type { Configuration } from '../config/load.ts'
import { chartIn } from '../core/chart.ts'
import { ConfigurationError, messageOf, NetworkError } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import type { Registry } from '../core/registry.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import type { ImageTools } from '../engine/images/tools.ts'
import { sidedEndpoint } from '../engine/sided.ts'
import type { KnownImages } from '../history/chart-images.ts'
import { Slots } from '../transfer/slots.ts'
import type { Connections } from './connections.ts'

/** Changes where other images are found in the same chart: what the history knows is then looked for again. */
const FORMAT = 1
/** Charts read, and Helms that render, at once. */
const AT_ONCE = 4
/** Charts whose images are remembered without a history. */
const REMEMBERED = 10_000
/** Of a file of values, in bytes. */
const LARGEST_VALUES = 4 * 1024 * 1024

/** `source`: what the charts come from. Throws a `ConfigurationError` for values that cannot be read. */
export async function createImageTools(
  { values: files = [] }: Policy,
  source: Registry,
  configuration: Configuration,
  connections: Connections,
): Promise<ImageTools> {
  const values = await Promise.all(files.map(async (name) => ({ name, text: await textOf(name) })))
  const found = await findHelm(connections.programs)
  const slots = new Slots(AT_ONCE)
  const known = new Map<string, KnownImages>()
  const registries = new Map<string, Registry>()

  const registryAt = (host: string): string => {
    const registry = registryFor(host, source, configuration)
    registries.set(registry.name, registry)
    return registry.name
  }

  const opened = new Map<string, Promise<Endpoint>>()
  async function opening(name: string): Promise<Endpoint> {
    const registry = registries.get(name) ?? configuration.registryOf(name)
    if (configuration.registries.has(name)) return sidedEndpoint(await connections.open(registry), 'source')
    try {
      return sidedEndpoint(await connections.named(source, registry), 'source')
    } catch (error) {
      if (!(error instanceof NetworkError) || error.retryable) throw error
      throw new NetworkError(`a chart of ${source.name} names an image at ${name}: ${error.message}`, {
        cause: error,
        retryable: false,
        hint: `if that is right, define a registry for ${name}, or put it into \`allow_addresses:\` of ${source.name}`,
      })
    }
  }

  return {
    key: keyOf(values, found),
    told: new Set(),
    registryAt,
    async find(digest, store, manifest, ctx) {
      const before = known.get(digest)
      if (before) return before
      const looked = await slots.use(digest, ctx.signal, async (): Promise<KnownImages> => {
        const chart = chartIn(await manifest())
        if (!chart) return {}
        const content = await store.readBlob(chart.archive, 0, ctx)
        return { found: await findImages(chart.archive, content, { helm: found?.helm, values }, ctx) }
      })
      if (known.size < REMEMBERED) known.set(digest, looked)
      return looked
    },
    async open(name) {
      const endpoint = opened.get(name) ?? opening(name)
      opened.set(name, endpoint)
      // A registry that could not be opened is opened again by the next caller.
      endpoint.catch(() => opened.delete(name))
      return endpoint
    },
  }
}

/** A registry of the configuration where one has the host, the source of the charts first; else what the host implies. Repositories of charts
 *  hold no images, and get no credential of theirs to those who name them. */
function registryFor(host: string, source: Registry, { registries, types }: Configuration): Registry {
  const implied = registryOfHost(host, types)
  const address = hostAndPathOf(implied)
  const holdsImages = ({ type }: Registry): boolean =>
    types.find(({ identity }) => identity === type)?.resources.includes('image') ?? true
  const defined = [source, ...registries.values()].filter((one) => registries.has(one.name) && holdsImages(one))
  return (
    defined.find(({ name }) => name === host) ??
    defined.find((one) => one.url !== undefined && hostAndPathOf(one) === address) ??
    implied
  )
}

/** Host, port and path, without a scheme. */
function hostAndPathOf({ url = '' }: Registry): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname.replace(/\/+$/, '')}`
}

async function textOf(file: string): Promise<string> {
  try {
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      if (size > LARGEST_VALUES) throw new Error('it is larger than 4 MiB')
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new ConfigurationError(`values ${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

interface FoundHelm {
  readonly helm: Helm
  /** Changes when another Helm is installed. */
  readonly version: string
}

/** As a shell finds it; relative places are passed over. */
async function findHelm(programs: string): Promise<FoundHelm | undefined> {
  for (const directory of programs.split(delimiter)) {
    const program = join(directory, 'helm')
    if (!isAbsolute(directory)) continue
    try {
      await access(program, constants.X_OK)
      const { size, mtimeMs } = await stat(program)
      return { helm: { program }, version: `${program} ${size} ${mtimeMs}` }
    } catch {
      // It is not in this one.
    }
  }
  return undefined
}

function keyOf(values: readonly { readonly text: string }[], found: FoundHelm | undefined): string {
  const all = [FORMAT, found?.version ?? null, ...values.map(({ text }) => text)]
  return createHash('sha256').update(JSON.stringify(all)).digest('hex')
}
