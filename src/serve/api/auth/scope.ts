/** What a maintainer may write: policies of its own namespaces, with nothing in them that reaches beyond registries. */

import { variablesOf } from '../../../config/interpolate.ts'
import type { Configuration } from '../../../config/load.ts'
import { isMapping } from '../../../config/mapping.ts'
import { type Policy, type PolicyDestination, routesOf } from '../../../core/policy.ts'
import type { Plain } from '../desk.ts'
import { ApiError } from '../problem.ts'
import type { Caller } from './tokens.ts'

/** Fields, and the fields within them: `true` is a value. Of a list each element counts. */
export type Said = { readonly [field: string]: true | Said }

const PLACE = {
  registry: true,
  namespace: true,
  flatten: true,
  create: true,
  public: true,
} satisfies { readonly [F in keyof PolicyDestination]?: true }

/** What a maintainer may say. Every other field is for admins until it stands here: requests, commands and files are those of the daemon. */
export const MAINTAINER_FIELDS = {
  name: true,
  description: true,
  enabled: true,
  scope: true,
  source: { registry: true, namespaces: true },
  destination: PLACE,
  also: PLACE,
  filters: {
    resource: true,
    name: true,
    tag: true,
    digest: true,
    label: true,
    semver: true,
    deprecated: true,
    newest: true,
    pushed_within: true,
    min_age: true,
    untagged: true,
    platforms: true,
    platforms_index: true,
    attestations: true,
    exclude: { name: true, tag: true, label: true },
    regex: { name: true, tag: true, exclude: { name: true, tag: true } },
  },
  order: true,
  on_overlap: true,
  allow_empty: true,
  foreign_layers: true,
  verify: true,
  referrers: true,
  override: true,
  missing: true,
  deletion: true,
  max_deletions: true,
  triggers: {
    schedule: true,
    timezone: true,
    catch_up: true,
    event: true,
    poll: true,
    pull: true,
    max_age: true,
  },
  retry: { attempts: true, delay: true },
} as const satisfies { readonly [F in keyof Policy]?: true | Said }

/** Throws an `ApiError` where the caller may not write this policy, or change one that is like this. */
export function expectOwn({ role, namespaces = [] }: Caller, policy: Policy, configuration: Configuration): void {
  if (role === 'admin') return
  const reasons = [...reasonsAgainst(policy, new Set(namespaces), configuration)]
  if (reasons.length === 0) return
  throw new ApiError(403, 'forbidden', `a maintainer may not write policy ${policy.name}: ${reasons.join('; ')}`, {
    hint: `it needs scope: namespace, and namespaces of ${namespaces.join(', ')}`,
  })
}

function* reasonsAgainst(policy: Policy, own: ReadonlySet<string>, { registries }: Configuration): Generator<string> {
  const { scope, source } = policy
  if (scope !== 'namespace') yield 'its `scope` is `system`'
  const [namespace] = source.namespaces ?? []
  if (namespace === undefined || !own.has(namespace)) yield `it reads ${namespace ?? 'every namespace'}`
  for (const { destination } of routesOf(policy)) {
    const { registry, namespace: to, flatten } = destination
    // Without a namespace of its own everything lands where it came from.
    if (to === undefined ? flatten !== 0 : !own.has(to)) yield `it writes to ${to ?? 'other namespaces'}`
    if (!registries.has(registry)) yield `${registry} is not one of the registries`
  }
  if (!registries.has(source.registry)) yield `${source.registry} is not one of the registries`
  for (const field of unsaid(policy, MAINTAINER_FIELDS)) yield `\`${field}\` is for admins`
}

/** The fields of a value that `said` lacks, by their path. */
function* unsaid(value: unknown, said: Said, path: readonly string[] = []): Generator<string> {
  if (Array.isArray(value)) for (const one of value) yield* unsaid(one, said, path)
  else if (isMapping(value)) {
    for (const [field, inner] of Object.entries(value)) {
      const known = Object.hasOwn(said, field) ? said[field] : undefined
      const at = [...path, field]
      if (inner === undefined || known === true) continue
      if (known === undefined) yield at.join('.')
      else yield* unsaid(inner, known, at)
    }
  }
}

/** Throws an `ApiError` where one who is not an admin would have a variable of the daemon put into a policy, which everyone can read. */
export function expectNoVariables({ role }: Caller, name: string, definition: Plain): void {
  if (role === 'admin') return
  const [variable] = variablesIn(definition)
  if (variable === undefined) return
  throw new ApiError(
    403,
    'forbidden',
    `policy ${name} has the variable \`${variable}\`, which a maintainer may not write`,
    {
      hint: `variables of the daemon are for admins; a literal \`\${\` is written \`$\${\``,
    },
  )
}

function* variablesIn(value: Plain): Generator<string> {
  if (typeof value === 'string') yield* variablesOf(value)
  else if (typeof value === 'object') for (const one of Object.values(value)) yield* variablesIn(one)
}
