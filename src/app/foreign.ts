/** Loads an adapter from outside this program: a file (`./file.js`) or a package (`module:NAME`). Loading runs its code. */

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { builtOptions } from '../config/options.ts'
import type { AdapterType } from '../core/adapter.ts'
import { ConfigurationError, errorCode } from '../core/errors.ts'
import type { Registry } from '../core/registry.ts'
import { kit } from './kit.ts'

const HINT = 'it exports a function `adapter` that gives the adapter: see adapters/README.md and examples/adapter'

const ADAPTER = z.looseObject({
  identity: z.string().min(1),
  name: z.string(),
  description: z.string(),
  resources: z.array(z.enum(['image', 'chart'])),
  filters: z.array(z.enum(['name', 'tag', 'label', 'resource'])),
  listing: z.string(),
  credentials: z.array(z.string()),
  quirks: z.array(z.string()),
  hooks: z.looseObject({ events: z.array(z.enum(['push', 'delete', 'scan', 'label'])), setup: z.string() }).optional(),
  open: z.custom<AdapterType['open']>((value) => typeof value === 'function', 'must be a function'),
})

/** `type` is an absolute path or `module:NAME`; a package is looked for from `cwd`, then beside this program. Throws a
 *  `ConfigurationError` that says what is wrong with it. */
export async function loadAdapter(type: string, cwd: string): Promise<AdapterType> {
  const shown = `the adapter ${type}`
  const found = await imported(type, cwd, shown)
  const define = 'adapter' in found ? found.adapter : 'default' in found ? found.default : undefined
  if (typeof define !== 'function') throw new ConfigurationError(`${shown} exports no \`adapter\``, { hint: HINT })
  let made: unknown
  try {
    made = await define(kit)
  } catch (cause) {
    throw new ConfigurationError(`${shown} cannot be made: ${textOf(cause)}`, { cause })
  }
  const parsed = ADAPTER.safeParse(made)
  if (parsed.success) return made as AdapterType
  const problems = parsed.error.issues.map(({ path, message }) => `\`${path.join('.') || 'adapter'}\`: ${message}`)
  throw new ConfigurationError(`${shown} is not valid: ${problems.join('; ')}`, { hint: HINT })
}

/** The registry with its options in the form that the adapter names. */
export function withOptions(registry: Registry, type: AdapterType): Registry {
  if (!registry.options) return registry
  // They are as the file has them: an adapter that is loaded later could not be asked.
  const written = registry.options as Parameters<typeof builtOptions>[0]
  const { values, findings } = builtOptions(written, registry.type, type)
  if (findings.length === 0) return { ...registry, options: values }
  const problems = findings.map(({ message, hint }) => ({
    message: `registry ${registry.name}: ${message}`,
    ...(hint === undefined ? {} : { hint }),
  }))
  throw new ConfigurationError(problems)
}

async function imported(type: string, cwd: string, shown: string): Promise<object> {
  try {
    const found: unknown = await import(
      type.startsWith('module:') ? resolved(type.slice(7), cwd) : pathToFileURL(type).href
    )
    return typeof found === 'object' && found !== null ? found : {}
  } catch (cause) {
    const isMissing = /MODULE_NOT_FOUND/.test(errorCode(cause))
    const why = isMissing ? 'it is not there, or something that it imports' : textOf(cause)
    throw new ConfigurationError(`${shown} cannot be loaded: ${why}`, {
      cause,
      ...(isMissing ? { hint: textOf(cause) } : {}),
    })
  }
}

function resolved(name: string, cwd: string): string {
  try {
    return pathToFileURL(createRequire(join(cwd, 'package.json')).resolve(name)).href
  } catch {
    return name
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
