/** What is known before a push: whether the project takes any, how much of its quota is left, which tags are immutable. */

import { z } from 'zod'
import type { WriteRules } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { compilePattern } from '../../src/core/pattern.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { type Harbor, isProject, rightHint } from './harbor.ts'
import { BY_NAME, itemsIn } from './pages.ts'
import { findProject, mayBeProject, PROJECT_NAME } from './projects.ts'

/** Of a project; the rules of a repository follow from them without another request. */
export interface ProjectRules extends Omit<WriteRules, 'immutable'> {
  readonly immutable: readonly ImmutableRule[]
}

const SELECTOR = z.object({ decoration: z.string().nullish(), pattern: z.string().nullish() })
const RULE = z.object({
  id: z.number(),
  disabled: z.boolean().nullish(),
  tag_selectors: z.array(SELECTOR).nullish(),
  scope_selectors: z.record(z.string(), z.array(SELECTOR).nullish()).nullish(),
})
type ImmutableRule = z.infer<typeof RULE>
type Selector = z.infer<typeof SELECTOR>

const SUMMARY = z.object({
  quota: z
    .object({ hard: z.object({ storage: z.number() }).partial(), used: z.object({ storage: z.number() }).partial() })
    .partial()
    .nullish(),
})

/** What the account may not ask for is left out. Nothing at all where the project is not there yet, or nobody asks. */
export async function projectRules(harbor: Harbor, project: string, ctx: Context): Promise<ProjectRules> {
  const { harbor_version, read_only } = await harbor.info(ctx)
  if (read_only) return { refused: READ_ONLY, immutable: [] }
  if (harbor_version === undefined) return { immutable: [] }
  if (!(await isProject(harbor, project, ctx))) return { ...(mayBeProject(project) ? {} : ILLEGAL), immutable: [] }
  const [found, mayPush, bytesLeft, immutable] = await Promise.all([
    findProject(harbor, project, ctx),
    permitted(mayPushTo(harbor, project, ctx)),
    permitted(quotaLeft(harbor, project, ctx)),
    permitted(immutableRules(harbor, project, ctx)),
  ])
  const refused = found?.isCache
    ? { reason: `project ${project} is a proxy cache: nothing can be pushed to it`, hint: 'choose another project' }
    : mayPush === false
      ? { reason: `${await harbor.who()} may not push to project ${project}`, hint: rightHint('push') }
      : undefined
  return {
    ...(refused ? { refused } : {}),
    ...(bytesLeft === undefined ? {} : { quota: { name: `project ${project}`, bytesLeft } }),
    immutable: immutable ?? [],
  }
}

const READ_ONLY = {
  reason: 'Harbor is in read only mode',
  hint: 'an administrator has switched it to read only: run again when that is over',
}

const ILLEGAL = { refused: { reason: 'no project of Harbor can have that name', hint: PROJECT_NAME } }

/** Of one repository, given without its project. */
export function rulesFor(repository: string, { immutable, ...rules }: ProjectRules): WriteRules {
  if (immutable.length === 0) return rules
  return {
    ...rules,
    immutable: (tag) =>
      immutable.some((rule) => holds(rule, repository, tag))
        ? `tag ${tag} is immutable by a rule of the project`
        : undefined,
  }
}

/** All selectors of a rule must select; one whose pattern is not understood selects nothing: the push will tell. */
function holds({ disabled, tag_selectors, scope_selectors }: ImmutableRule, repository: string, tag: string): boolean {
  const scopes = scope_selectors?.repository ?? []
  const tags = tag_selectors ?? []
  if (disabled || tags.length === 0) return false
  return scopes.every((selector) => selects(selector, repository)) && tags.every((selector) => selects(selector, tag))
}

function selects({ decoration, pattern }: Selector, name: string): boolean {
  try {
    return compilePattern(pattern ?? '').matches(name) !== /excludes$/i.test(decoration ?? '')
  } catch {
    return false
  }
}

async function immutableRules(harbor: Harbor, project: string, ctx: Context): Promise<readonly ImmutableRule[]> {
  const url = `/api/v2.0/projects/${project}/immutabletagrules`
  const what = `tag immutability rules of ${project}`
  const rules: ImmutableRule[] = []
  const list = { http: harbor.http, url, form: RULE, key: (rule: ImmutableRule) => rule.id, what }
  for await (const rule of itemsIn(list, ctx)) rules.push(rule)
  return rules
}

/** In bytes; undefined where there is no limit. */
async function quotaLeft({ http }: Harbor, project: string, ctx: Context): Promise<number | undefined> {
  const request = { url: `/api/v2.0/projects/${project}/summary`, headers: BY_NAME }
  const { quota } = (await askJson(http, request, SUMMARY, `summary of ${project}`, ctx)).value
  const hard = quota?.hard?.storage ?? -1
  return hard < 0 ? undefined : Math.max(0, hard - (quota?.used?.storage ?? 0))
}

const TOKEN = z.object({ token: z.string() })
const CLAIMS = z.object({ access: z.array(z.object({ actions: z.array(z.string()).nullish() })).nullish() })

/** A token says all that its holder may, whatever was asked for; so only pulling is asked for. Undefined where it does not tell. */
async function mayPushTo({ http }: Harbor, project: string, ctx: Context): Promise<boolean | undefined> {
  const query = new URLSearchParams({ service: 'harbor-registry', scope: `repository:${project}/any:pull` })
  const { value } = await askJson(http, { url: `/service/token?${query}` }, TOKEN, `rights in ${project}`, ctx)
  const claims = CLAIMS.safeParse(claimsOf(value.token))
  if (!claims.success) return undefined
  return claims.data.access?.some(({ actions }) => actions?.includes('push'))
}

/** Undefined where the account may not ask, or this version has no such thing. */
async function permitted<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof RegistryError && !error.retryable) return undefined
    throw error
  }
}
