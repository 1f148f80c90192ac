/** What is known of a repository before anything is pushed: its mode, whether its tags may move, and whether the account may push. */

import { z } from 'zod'
import type { WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { type Gar, type RepositoryFacts, repositoryPath } from './api.ts'
import { partsOf } from './naming.ts'
import { permissionHint } from './refusals.ts'

const UPLOAD = 'artifactregistry.repositories.uploadArtifacts'
const PERMISSIONS = z.looseObject({ permissions: z.array(z.string()).nullish() })

/** Nothing where the repository is not there yet, or the account may not ask. Asks once for all images of a repository. */
export async function writeRules(name: string, gar: Gar, ctx: Context): Promise<WriteRules> {
  const { project, repository, image } = partsOf(name, gar.place)
  if (repository === undefined || image === undefined) {
    const hint = 'set destination.namespace to PROJECT/REPOSITORY'
    return { refused: { reason: `${name} is too short: a name is PROJECT/REPOSITORY/IMAGE`, hint } }
  }
  if (gar.place.location === undefined) return {}
  const found = await permitted(gar.find(project, repository, ctx))
  if (!found) return {}
  const refused = objectionTo(found) ?? (await mayNotPush(project, repository, found, gar, ctx))
  if (refused) return { refused }
  if (!found.dockerConfig?.immutableTags) return {}
  return { immutable: (tag) => `tag ${tag} is immutable, as all tags of repository ${repository} are` }
}

/** Why nobody can push to it. */
export function objectionTo({ name, format, mode }: RepositoryFacts): WriteRules['refused'] {
  const hint = 'choose another repository: destination.namespace'
  if ((format ?? 'DOCKER') !== 'DOCKER') return { reason: `${name} holds no images: its format is ${format}`, hint }
  if ((mode ?? 'STANDARD_REPOSITORY') === 'STANDARD_REPOSITORY') return undefined
  const kind = mode === 'REMOTE_REPOSITORY' ? 'a cache of another registry' : 'virtual'
  return { reason: `${name} is ${kind}: nothing can be pushed to it`, hint }
}

const asked = new WeakMap<RepositoryFacts, Promise<WriteRules['refused']>>()

function mayNotPush(
  project: string,
  repository: string,
  facts: RepositoryFacts,
  gar: Gar,
  ctx: Context,
): Promise<WriteRules['refused']> {
  const known = asked.get(facts) ?? askPermission(project, repository, gar, ctx)
  asked.set(facts, known)
  known.catch(() => asked.delete(facts))
  return known
}

async function askPermission(
  project: string,
  repository: string,
  gar: Gar,
  ctx: Context,
): Promise<WriteRules['refused']> {
  const request = {
    method: 'POST',
    url: `${repositoryPath(project, repository, gar.place)}:testIamPermissions`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ permissions: [UPLOAD] })),
  } as const
  const answer = await permitted(askJson(gar.api(), request, PERMISSIONS, `permissions in ${repository}`, ctx))
  if (!answer || answer.value.permissions?.includes(UPLOAD)) return undefined
  return { reason: `the account may not push to ${project}/${repository}`, hint: permissionHint(UPLOAD) }
}

/** Undefined where the account may not ask. */
async function permitted<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CredentialError || (error instanceof RegistryError && !error.retryable)) return undefined
    throw error
  }
}
