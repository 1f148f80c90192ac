/** `--to REGISTRY[/NAMESPACE]`: where to, for files that do not say. */

import { ConfigurationError } from '../../core/errors.ts'
import { isMistake, parseReference } from '../reference.ts'
import { knownHost } from './image-name.ts'

export interface Target {
  readonly host: string
  readonly namespace: readonly string[]
}

/** Throws a `ConfigurationError`: `absent` where nothing is named, or what is wrong with it. */
export function namedTarget(to = '', absent: string, directory: string): Target {
  const [host = '', ...namespace] = to.replace(/\/+$/, '').split('/')
  if (host === '') throw new ConfigurationError(absent, { hint: 'name it: --to registry.example.com/mirror' })
  const target = parseReference(to, { registries: new Map(), types: [], directory })
  if (isMistake(target)) throw new ConfigurationError(`--to: ${target.message}`, { hint: target.hint })
  if (target.registry.path === undefined) return { host: knownHost(host), namespace }
  const hint = 'name a registry here, and change `destination:` in the result'
  throw new ConfigurationError('--to: a layout is not a registry', { hint })
}
