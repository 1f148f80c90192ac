/** The repositories of groups and projects, as GitLab's API lists them. */

import { z } from 'zod'
import type { Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import type { GitLab } from './api.ts'

const REPOSITORY = z.looseObject({ path: z.string(), status: z.string().nullish() })
const PROJECT = z.looseObject({
  id: z.number(),
  path_with_namespace: z.string(),
  container_registry_access_level: z.string().nullish(),
})

const NAME_THEM = 'name the repositories in the filter (name: [group/project/app, …])'

/** Of the groups that the patterns spell out, subgroups included; else of all projects that the token is a member of. */
export async function* listRepositories(wanted: Wanted, api: GitLab, ctx: Context): AsyncIterable<string> {
  if (!(await api.hasToken())) {
    throw new UnsupportedError('GitLab lists repositories only to whoever has a token', { hint: NAME_THEM })
  }
  try {
    const groups = topsOf(wanted)
    if (groups) for (const group of groups) yield* ofGroup(group, api, ctx)
    else yield* ofProjects(undefined, api, ctx)
  } catch (error) {
    throw withoutApi(error)
  }
}

/** A name that is no group's may be a user's. */
async function* ofGroup(group: string, api: GitLab, ctx: Context): AsyncIterable<string> {
  const path = `/groups/${encodeURIComponent(group)}/registry/repositories`
  try {
    for await (const one of api.items(path, REPOSITORY, `repositories of ${group}`, ctx)) yield* named(one)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 404) throw error
    yield* ofProjects(group, api, ctx)
  }
}

async function* ofProjects(owner: string | undefined, api: GitLab, ctx: Context): AsyncIterable<string> {
  for await (const project of api.items('/projects?membership=true&simple=false', PROJECT, 'projects', ctx)) {
    const { id, path_with_namespace: path, container_registry_access_level: level } = project
    if (level === 'disabled' || (owner !== undefined && path.split('/')[0]?.toLowerCase() !== owner)) continue
    try {
      const repositories = `/projects/${id}/registry/repositories`
      for await (const one of api.items(repositories, REPOSITORY, `repositories of ${path}`, ctx)) yield* named(one)
    } catch (error) {
      // The registry of a project that has none: https://github.com/goharbor/harbor/issues/14328
      if (!(error instanceof RegistryError) || (error.status !== 403 && error.status !== 404)) throw error
    }
  }
}

function* named({ path, status }: z.output<typeof REPOSITORY>): Iterable<string> {
  if (!status?.startsWith('delete_')) yield path.toLowerCase()
}

function withoutApi(error: unknown): unknown {
  const hint = `the token needs read_api; or ${NAME_THEM}`
  if (error instanceof CredentialError) return new CredentialError(error.message, { cause: error, hint })
  return error instanceof RegistryError && error.status === 403 ? restated(error, error.message, hint) : error
}
