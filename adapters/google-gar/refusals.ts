/** What to do about Google's refusals: which role has the permission that is missing, and what else its words mean. */

import { RegistryError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'

const ROLES: readonly (readonly [RegExp, string])[] = [
  [/repositories\.create$/, 'roles/artifactregistry.admin'],
  [/(deleteArtifacts|\.delete)$/, 'roles/artifactregistry.repoAdmin'],
  [/(uploadArtifacts|\.(create|update))$/, 'roles/artifactregistry.writer'],
]
const READER = 'roles/artifactregistry.reader'

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /has not been used in project|SERVICE_DISABLED/,
    'enable the API: gcloud services enable artifactregistry.googleapis.com',
  ],
  [
    /DANGLING_PARENT_IMAGE|REFERRING_MANIFEST|is referenced by image/,
    'delete first what refers to it: the index, or the artifact with it as its subject',
  ],
  [
    /NAME_INVALID.*PROJECT-ID\/REPOSITORY/,
    'a name is PROJECT/REPOSITORY/IMAGE: set destination.namespace to PROJECT/REPOSITORY',
  ],
  [
    /immutab|FAILED_PRECONDITION/i,
    'the tags of the repository are immutable: exclude the tag, or set `override: false`',
  ],
]

/** What `answer` resolves to; a refusal of Google's with what to do about it. */
export async function explained<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw hinted(error)
  }
}

export function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.retryable) return error
  const known = HINTS.find(([words]) => words.test(`${error.codes.join(' ')} ${error.message}`))?.[1]
  if (known !== undefined) return restated(error, error.message, known)
  if (error.status !== 403) return error
  const permission = /permissions? \\?"([A-Za-z.]+)\\?"|'([a-z]+\.[A-Za-z.]+)'/i.exec(error.message)
  const missing = permission?.[1] ?? permission?.[2]
  return missing === undefined ? error : restated(error, error.message, permissionHint(missing))
}

export function permissionHint(permission: string): string {
  const role = ROLES.find(([name]) => name.test(permission))?.[1] ?? READER
  return `grant the account ${role}, which has ${permission}; a repository that does not exist is answered the same way`
}
