/** The API of Artifact Registry as far as the adapter needs it.
 *
 *  https://cloud.google.com/artifact-registry/docs/reference/rest */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { keyOf } from './key.ts'
import { type Place, placeOf } from './naming.ts'
import { explained } from './refusals.ts'

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
  /** Asked once; undefined where it is not there. Throws where the account may not ask. */
  find(project: string, repository: string, ctx: Context): Promise<RepositoryFacts | undefined>
  /** Asks for the repository anew next time. */
  forget(project: string, repository: string): void
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

/** More than it gives by itself; larger ones are cut. */
const PAGE_SIZE = 1000

export function openGar(registry: Registry, tools: AdapterTools): Gar {
  const { project, api_url: given } = registry.options ?? {}
  const url = typeof given === 'string' ? given.replace(/\/+$/, '') : 'https://artifactregistry.googleapis.com'
  const known = new Map<string, Promise<RepositoryFacts | undefined>>()
  const place = placeOf(registry)
  const api = (): HttpClient => tools.api({ url, name: 'api' })

  async function ask(path: string, ctx: Context): Promise<RepositoryFacts | undefined> {
    try {
      return (await explained(askJson(api(), { url: path }, REPOSITORY, `repository ${path}`, ctx))).value
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  return {
    name: registry.name,
    place,
    http: tools.http,
    api,
    async project() {
      return typeof project === 'string' ? project : keyOf(await tools.credential())?.project_id
    },
    find(owner, repository, ctx) {
      const path = repositoryPath(owner, repository, place)
      const found = known.get(path) ?? ask(path, ctx)
      known.set(path, found)
      found.catch(() => known.delete(path))
      return found
    },
    forget: (owner, repository) => void known.delete(repositoryPath(owner, repository, place)),
    items(path, key, form, what, ctx) {
      const page = z.looseObject({ [key]: z.array(form).nullish(), nextPageToken: z.string().nullish() })
      const list = z.looseObject({ [key]: z.array(form).nullish() })
      const first = `${path}?pageSize=${PAGE_SIZE}`
      const read = async (at: string) => {
        const { value } = await explained(askJson(api(), { url: at }, page, what, ctx))
        const token = value.nextPageToken
        const next =
          typeof token === 'string' && token !== ''
            ? `${first}&${new URLSearchParams({ pageToken: token })}`
            : undefined
        return { items: list.parse(value)[key] ?? [], next }
      }
      return itemsOf(first, read, what)
    },
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

/** Whether it is a refusal that another way to ask may not meet. */
export function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && (error.status === 403 || error.status === 404)
}
