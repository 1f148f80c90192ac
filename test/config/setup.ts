/** Loads configurations from text, as the files of one directory. */

import { adapters } from '../../adapters/index.ts'
import { type Configuration, type ConfigurationFile, loadConfiguration } from '../../src/config/load.ts'
import type { AdapterFacts } from '../../src/core/adapter.ts'
import { ConfigurationError, type Problem } from '../../src/core/errors.ts'

export const DIRECTORY = '/project'

export interface Setup {
  readonly env?: Readonly<Record<string, string>>
  /** The adapters that exist; without it those of the program. */
  readonly types?: readonly AdapterFacts[]
  /** The files are a stranger's. */
  readonly untrusted?: boolean
  /** The user's configuration. */
  readonly user?: string
}

export function load(text: string | readonly string[], setup: Setup = {}): Configuration {
  const texts = typeof text === 'string' ? [text] : text
  const files: ConfigurationFile[] = texts.map((content, index) => ({
    path: `${DIRECTORY}/${index === 0 ? 'policy' : `policy-${index + 1}`}.yaml`,
    text: content,
    ...(setup.untrusted ? { untrusted: true } : {}),
  }))
  if (setup.user !== undefined) files.push({ path: '/home/me/config.yaml', text: setup.user, fallback: true })
  return loadConfiguration(files, { env: setup.env ?? {}, cwd: DIRECTORY, types: setup.types ?? adapters })
}

/** An adapter like that of any registry; `harbor` has labels, and an option of each kind. */
export function factsOf(identity: string): AdapterFacts {
  const hasMore = identity === 'harbor'
  return {
    identity,
    name: identity,
    filters: ['name', 'tag', 'resource', ...(hasMore ? (['label'] as const) : [])],
    resources: ['chartmuseum', 'helm-http'].includes(identity) ? ['chart'] : ['image', 'chart'],
    credentials: identity === 'oci-layout' ? [] : ['anonymous', 'basic', 'token'],
    options: hasMore
      ? [
          { name: 'mode', description: 'How', type: 'text', values: ['fast', 'slow'] },
          { name: 'careful', description: 'Whether', type: 'flag' },
          { name: 'tags', description: 'Names', type: 'mapping' },
          { name: 'hosts', description: 'Where', type: 'list' },
        ]
      : [],
  }
}

export function problemsIn(text: string | readonly string[], setup: Setup = {}): readonly Problem[] {
  try {
    load(text, setup)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
  return []
}

/** `file:line:column message`, and the hint in brackets. */
export function complaints(text: string | readonly string[], setup: Setup = {}): readonly string[] {
  return problemsIn(text, setup).map(({ position, message, hint }) => {
    const place = position ? `${position.file}:${position.line}:${position.column} ` : ''
    return `${place}${message}${hint === undefined ? '' : ` [${hint}]`}`
  })
}

/** A file of one policy with these lines, which begin in line 3, column 5. */
export function policy(...lines: readonly string[]): string {
  return ['policies:', '  p:', ...lines.map((line) => `    ${line}`)].join('\n')
}

/** A file of one registry with these lines, which begin in line 3, column 5. */
export function registry(...lines: readonly string[]): string {
  return ['registries:', '  r:', ...lines.map((line) => `    ${line}`)].join('\n')
}
