/** Which policies a command is about: those of files, or some of the user's configuration by name. */

import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { App } from '../app/app.ts'
import type { Configuration } from '../config/load.ts'
import { didYouMean } from '../config/suggest.ts'
import { ConfigurationError, type Problem } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'

export interface Selection {
  readonly configuration: Configuration
  /** In file order; enabled ones only. */
  readonly policies: readonly Policy[]
}

/**
 * `targets` are files (existing ones, `-`, or what ends in .yaml or .yml) or names of policies; `names` narrows. Without any
 * target it is every policy of the user's configuration. Throws a `ConfigurationError` for a name that is unknown or disabled, and where
 * nothing is left.
 */
export async function selectPolicies(
  app: Pick<App, 'configuration'>,
  cwd: string,
  targets: readonly string[],
  names: readonly string[] = [],
  how: { readonly workers?: boolean | undefined } = {},
): Promise<Selection> {
  const files: string[] = []
  const wanted = new Set(names)
  for (const target of targets) {
    if (await isFile(target, cwd)) files.push(target)
    else wanted.add(target)
  }
  if (files.length > 0 && files.length < targets.length) {
    throw new ConfigurationError(
      `${targets.filter((target) => !files.includes(target)).join(', ')}: no such file, and files and names of policies do not mix`,
      { hint: 'narrow a file with --policy NAME' },
    )
  }
  const configuration = await app.configuration(files, how)
  const policies =
    wanted.size > 0 ? byName(configuration, wanted) : configuration.policies.filter(({ enabled }) => enabled)
  if (policies.length === 0) {
    throw new ConfigurationError(
      configuration.policies.length === 0 ? 'there is no policy to run' : 'every policy is disabled',
      { hint: 'name a file: replicate run policy.yaml; `replicate config init policy.yaml` writes one to start from' },
    )
  }
  return { configuration, policies }
}

/** The policy of that name; throws a `ConfigurationError` with the name that was probably meant. */
export function policyOf(configuration: Configuration, name: string): Policy {
  const policy = configuration.policies.find((candidate) => candidate.name === name)
  if (policy) return policy
  throw new ConfigurationError([unknown(configuration, name)])
}

function byName(configuration: Configuration, names: ReadonlySet<string>): readonly Policy[] {
  const known = new Map(configuration.policies.map((policy) => [policy.name, policy]))
  const problems = [...names].flatMap((name): Problem[] => {
    const policy = known.get(name)
    if (!policy) return [unknown(configuration, name)]
    return policy.enabled
      ? []
      : [
          {
            message: `policy ${name} is disabled`,
            hint: `replicate policies enable ${name}; in another file \`enabled: true\``,
          },
        ]
  })
  if (problems.length > 0) throw new ConfigurationError(problems)
  return configuration.policies.filter((policy) => names.has(policy.name))
}

function unknown(configuration: Configuration, name: string): Problem {
  const known = configuration.policies.map((policy) => policy.name)
  const hint =
    didYouMean(name, known) ?? (known.length > 0 ? `the policies are ${known.slice(0, 10).join(', ')}` : undefined)
  const message = `there is no policy ${name}${/[./]/.test(name) ? ', and no such file' : ''}`
  return hint === undefined ? { message } : { message, hint }
}

async function isFile(target: string, cwd: string): Promise<boolean> {
  if (target === '-' || /\.ya?ml$/i.test(target)) return true
  const found = await stat(resolve(cwd, target)).catch(() => undefined)
  return found !== undefined && !found.isDirectory()
}
