/** Projects, which are Harbor's namespaces: looked up, and created where they are missing. */

import { z } from 'zod'
import type { NamespaceOptions } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { doing, restated } from '../../src/oci/registry/restate.ts'
import { type Harbor, isProject, projectOf } from './harbor.ts'

export const PROJECT = z.object({ project_id: z.number(), name: z.string(), registry_id: z.number().nullish() })

export interface Project {
  readonly id: number
  /** It caches another registry: nothing can be pushed to it. */
  readonly isCache: boolean
}

/** Undefined where the account does not see it, be it there or not. */
export async function findProject({ http }: Harbor, name: string, ctx: Context): Promise<Project | undefined> {
  // The list shows a robot its own project, of which it may not ask otherwise.
  const url = `/api/v2.0/projects?${new URLSearchParams({ with_detail: 'false', q: `name=${name}` })}`
  const { value } = await askJson(http, { url }, z.array(PROJECT).nullish(), `project ${name}`, ctx)
  const found = value?.find((project) => project.name === name)
  return found && { id: found.project_id, isCache: (found.registry_id ?? 0) > 0 }
}

/** Stricter than names of repositories, which `__` and `--` are fine in. */
export function mayBeProject(name: string): boolean {
  return /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)
}

export const PROJECT_NAME =
  'a project is lower case letters and digits, joined by single `.`, `_` or `-`: set destination.namespace'

const CREATE_HINT =
  'let an administrator create it, or allow everyone to create projects, or give a system robot account the system permission create of project'

/** Of a deeper namespace only the project must be there; the rest comes with the push. Twice is fine, also at the same time. */
export async function ensureProject(
  harbor: Harbor,
  namespace: string,
  options: NamespaceOptions,
  ctx: Context,
): Promise<void> {
  const name = projectOf(namespace)
  await harbor.info(ctx)
  if (await isProject(harbor, name, ctx)) return
  const body = Buffer.from(JSON.stringify({ project_name: name, metadata: { public: String(options.public) } }))
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', url: '/api/v2.0/projects', headers, body, expect: [201, 409] } as const
  try {
    const response = await doing(`create project ${name}`, harbor.http.request(request, ctx))
    await response.discard()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 403) throw restated(error, `${await harbor.who()} ${error.message}`, CREATE_HINT)
    if (error.status !== 400) throw error
    const hint =
      'a project is lower case letters and digits, joined by single `.`, `_` or `-`: set destination.namespace'
    throw restated(error, error.message, hint)
  }
}
