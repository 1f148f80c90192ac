/** The API of Artifact Registry as far as the adapter needs it: what the parts of a name are, repositories, and what a refusal means.
 *
 *  https://cloud.google.com/artifact-registry/docs/reference/rest */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError } from '../../src/core/errors.ts'
import { parseJson } from '../../src/core/foreign.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { remembered } from '../../src/core/remembered.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { addressOf } from '../address.ts'
import { explained } from '../explain.ts'

export interface Place {
  /** Undefined where neither the host nor an option says it: then the API cannot be asked. */
  readonly location: string | undefined
  /** The one repository of each project that a gcr.io host stands for. */
  readonly fixed: string | undefined
}

/** The location of the repository that has the name of the host:
 *  https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories */
const GCR: Readonly<Record<string, string>> = {
  'gcr.io': 'us',
  'us.gcr.io': 'us',
  'eu.gcr.io': 'europe',
  'asia.gcr.io': 'asia',
}

export function placeOf({ url = '', options = {} }: Registry): Place {
  const { hostname } = new URL(url)
  const { location } = options
  const given = typeof location === 'string' ? location : undefined
  const gcr = GCR[hostname]
  if (gcr !== undefined) return { location: given ?? gcr, fixed: hostname }
  return { location: given ?? /^([a-z0-9-]+)-docker\.pkg\.dev$/.exec(hostname)?.[1], fixed: undefined }
}

export interface Name {
  /** As the API writes it: `example.com:project` for one that belongs to a domain. */
  readonly project: string
  readonly repository: string | undefined
  /** Below the repository. */
  readonly image: string | undefined
}

/** The parts of a name or of its beginning. */
export function partsOf(name: string, { fixed }: Place): Name {
  const [first = '', ...others] = name.split('/')
  const [second, ...rest] = others
  const belongs = first.includes('.') && second !== undefined
  const project = belongs ? `${first}:${second}` : first
  const below = belongs ? rest : others
  const [own, ...deeper] = fixed === undefined ? below : [fixed, ...below]
  return { project, repository: own, image: deeper.length > 0 ? deeper.join('/') : undefined }
}

/** How the name of a repository begins in the registry. */
export function pathOf(project: string, repository: string, { fixed }: Place): string {
  const path = project.replace(':', '/')
  return fixed === undefined ? `${path}/${repository}` : path
}

export interface Gar {
  /** Its name in the configuration. */
  readonly name: string
  readonly place: Place
  /** The registry. */
  readonly http: () => HttpClient
  /** The API. */
  readonly api: () => HttpClient
  /** Of the options or of the key; undefined where neither says it. */
  project(): Promise<string | undefined>
  /** Asked once, by `repositoryPath`; undefined where it does not exist. Throws where the account may not ask. */
  find(path: string, ctx: Context): Promise<RepositoryFacts | undefined>
  /** Asks for the repository again next time. */
  forget(path: string): void
  /** Whether the account may push to a repository, by its path; asked once. Throws where it may not ask. */
  mayPush(path: string, ctx: Context): Promise<boolean>
  /** All items of a list of the API. */
  items<T>(path: string, key: string, form: z.ZodType<T>, what: string, ctx: Context): AsyncIterable<T>
}

export const REPOSITORY = z.looseObject({
  /** `projects/P/locations/L/repositories/R`. */
  name: z.string(),
  format: z.string().nullish(),
  mode: z.string().nullish(),
  dockerConfig: z.looseObject({ immutableTags: z.boolean().nullish() }).nullish(),
})
export type RepositoryFacts = z.infer<typeof REPOSITORY>

export const UPLOAD = 'artifactregistry.repositories.uploadArtifacts'
const PERMISSIONS = z.looseObject({ permissions: z.array(z.string()).nullish() })
/** Larger pages are cut. */
const PAGE_SIZE = 1000

export function openGar(registry: Registry, tools: AdapterTools): Gar {
  const { project } = registry.options ?? {}
  const url = addressOf(registry, 'https://artifactregistry.googleapis.com')
  const api = (): HttpClient => tools.api({ url, name: 'api' })

  const find = remembered(async (path: string, ctx) => {
    try {
      return (await explained(askJson(api(), { url: path }, REPOSITORY, `repository ${path}`, ctx), hinted)).value
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  })

  return {
    name: registry.name,
    place: placeOf(registry),
    http: tools.http,
    api,
    async project() {
      return typeof project === 'string' ? project : projectOfKey(await tools.credential())
    },
    find,
    forget: find.forget,
    mayPush: remembered(async (path: string, ctx) => {
      const headers = { 'content-type': 'application/json' }
      const body = Buffer.from(JSON.stringify({ permissions: [UPLOAD] }))
      const request = { method: 'POST', url: `${path}:testIamPermissions`, headers, body } as const
      const { value } = await askJson(api(), request, PERMISSIONS, `permissions in ${path}`, ctx)
      return value.permissions?.includes(UPLOAD) ?? false
    }),
    items(path, key, form, what, ctx) {
      const page = z.looseObject({ [key]: z.array(form).nullish(), nextPageToken: z.string().nullish() })
      const list = z.looseObject({ [key]: z.array(form).nullish() })
      const first = `${path}?pageSize=${PAGE_SIZE}`
      const read = async (at: string) => {
        const { value } = await explained(askJson(api(), { url: at }, page, what, ctx), hinted)
        const token = value.nextPageToken
        const isMore = typeof token === 'string' && token !== ''
        const next = isMore ? `${first}&${new URLSearchParams({ pageToken: token })}` : undefined
        return { items: list.parse(value)[key] ?? [], next }
      }
      return itemsOf(first, read, what)
    },
  }
}

/** The text of a service account's key: a credential of its own, or a password. Undefined for any other credential. */
export function keyText(found: Credential): string | undefined {
  if (found.kind === 'service_account') return found.key
  if (found.kind !== 'basic') return undefined
  if (found.username === '_json_key') return found.password
  return found.username === '_json_key_base64' ? Buffer.from(found.password, 'base64').toString('utf8') : undefined
}

function projectOfKey(found: Credential): string | undefined {
  try {
    return z.looseObject({ project_id: z.string() }).safeParse(parseJson(keyText(found) ?? '')).data?.project_id
  } catch {
    return undefined
  }
}

export function locationPath(project: string, { location = '' }: Place): string {
  return `/v1/projects/${project}/locations/${location}/repositories`
}

export function repositoryPath(project: string, repository: string, place: Place): string {
  return `${locationPath(project, place)}/${repository}`
}

/** The last part of a resource's name, whose slashes are written as `%2F`. */
export function lastPart(name: string): string {
  return decodeURIComponent(name.split('/').at(-1) ?? '')
}

/** True for a refusal that another way to ask may not meet. */
export function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && (error.status === 403 || error.status === 404)
}

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

/** With what to do about it, where Google's words are known, and the role that has the permission that is missing. */
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
