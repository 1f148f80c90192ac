/** Makes the policy that says what a reference names, for commands that only look: `replicate ls` and `replicate verify REFERENCE`. */

import type { Policy } from '../core/policy.ts'
import { filtersOf, literalsOf, ONCE, reference } from './copy.ts'
import type { Configuration } from './load.ts'
import { repositoryPattern } from './reference.ts'

export interface Look {
  /** Without a destination of its own. */
  readonly policy: Policy
  /** It names repositories, not what is in them: a registry, a namespace, a pattern. */
  readonly names: 'repositories' | 'tags' | 'artifact'
  /** A directory or an archive: what is in it is read without asking anyone. */
  readonly isLocal: boolean
  /** It names a registry and nothing inside it: an empty one is not a mistake. */
  readonly isPlace: boolean
}

/** Throws a `ConfigurationError` for a reference that cannot be read. A path that ends in `/` is a namespace. */
export function look(text: string, configuration: Configuration): Look {
  const source = reference(text, 'reference', configuration)
  const { registry, path, slash, tag, digest } = source
  const isLocal = registry.path !== undefined
  const below = path !== undefined && slash ? `${path}/**` : path
  const name = below === undefined ? undefined : repositoryPattern(registry, below, configuration.types)
  const isOne = literalsOf(name, text, 'reference')?.length === 1
  const isNamed = digest !== undefined || (tag !== undefined && literalsOf(tag, text, 'reference')?.length === 1)
  const isWhole = tag === undefined && digest === undefined
  const filters = filtersOf(name, source)
  return {
    policy: {
      ...ONCE,
      name: 'look',
      source: { registry: registry.name },
      destination: { registry: registry.name, create: false, public: false, flatten: 0 },
      // A layout lists what has no tag in the same file.
      filters: { ...filters, untagged: isLocal && isWhole },
    },
    names: isNamed && (isOne || isLocal) ? 'artifact' : isWhole && !isOne && !isLocal ? 'repositories' : 'tags',
    isLocal,
    isPlace: isWhole && path === undefined,
  }
}
