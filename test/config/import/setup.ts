/** Imports text of other tools, and says what the result would copy where. */

import { adapters } from '../../../adapters/index.ts'
import { type ImportRequest, importConfiguration } from '../../../src/config/import/import.ts'
import type { Unmapped, Written } from '../../../src/config/import/write.ts'
import { type Configuration, loadConfiguration } from '../../../src/config/load.ts'
import { ConfigurationError } from '../../../src/core/errors.ts'
import { type Policy, routesOf } from '../../../src/core/policy.ts'
import { selectionOf } from '../../../src/engine/plan/filter.ts'
import { mapRepository } from '../../../src/engine/plan/mapping.ts'

const CWD = '/project'

export type Request = Omit<ImportRequest, 'file' | 'auth'> & { readonly auth?: string }

export function imported(text: string, { auth, ...request }: Request): Written {
  const file = { path: `${CWD}/file`, text }
  const beside = auth === undefined ? {} : { auth: { path: `${CWD}/auth`, text: auth } }
  return importConfiguration({ ...request, file, ...beside }, { cwd: CWD, types: adapters })
}

/** `LINE:COLUMN MESSAGE [HINT]`. */
export function said({ unmapped }: { readonly unmapped: readonly Unmapped[] }): readonly string[] {
  return unmapped.map(({ line, column, message, hint }) => `${line}:${column} ${message} [${hint}]`)
}

/** What is wrong with the file, or nothing where it was taken. */
export function refused(text: string, request: Request): readonly string[] {
  try {
    imported(text, request)
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.problems.map(({ message, position }) => `${position?.line}:${position?.column} ${message}`)
  }
}

/** The result, read as any configuration is. `env` has the variables that it needs. */
export function loaded({ yaml }: Written, env: Readonly<Record<string, string>> = {}): Configuration {
  return loadConfiguration([{ path: '-', text: yaml }], { env, cwd: CWD, types: adapters })
}

/** `SOURCE → DESTINATION` of what the policies take of these images, each `REPOSITORY:TAG` of one registry, in their order. */
export function copied(configuration: Configuration, registry: string, images: readonly string[]): readonly string[] {
  return configuration.policies
    .flatMap((policy) => routesOf(policy))
    .flatMap((policy) => copiesOf(policy, registry, images))
}

function copiesOf(policy: Policy, registry: string, images: readonly string[]): readonly string[] {
  if (policy.source.registry !== registry || policy.filters.digest !== undefined) return []
  const selection = selectionOf(policy)
  return images.flatMap((image) => {
    const [repository = '', tag = ''] = image.split(':')
    const isNamed = !selection.repositories || selection.repositories.includes(repository)
    if (!isNamed || !selection.repository(repository).kept || !selection.tag(tag).kept) return []
    return [`${image} → ${policy.destination.registry}/${mapRepository(repository, policy.destination)}:${tag}`]
  })
}
