/** The API of Pulp: what a repository's latest version has, and its tags' end.
 *
 *  https://pulpproject.org/pulp_container/restapi/ */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import { sleep } from '../../src/core/cancel.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { malformedAnswer } from '../../src/oci/registry/listing.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { addressOf, textOf } from '../address.ts'
import { countedItems } from '../counted.ts'
import { ifAllowed } from '../explain.ts'

export interface Tag {
  readonly tag: string
  readonly digest: string | undefined
  readonly mediaType: string | undefined
}

export interface PulpApi {
  /** False for anonymous access, and where no API of Pulp answers. */
  isThere(ctx: Context): Promise<boolean>
  /** Nothing of a repository that does not exist, that the user may not look at, or that Pulp fills as it is pulled from. */
  tags(repository: string, ctx: Context): AsyncIterable<Tag>
  /** Resolves once the tag is gone. Throws a `RegistryError` of status 404 where the user sees no such repository. */
  untag(repository: string, tag: string, ctx: Context): Promise<void>
}

const PAGE_SIZE = 1000
/** Milliseconds: first and longest between two looks at what a worker does, and how long that may take in all. */
const FIRST_LOOK = 100
const LAST_LOOK = 2000
const PATIENCE = 5 * 60_000

const STATUS = z.looseObject({ versions: z.array(z.looseObject({ component: z.string() })) })
const DISTRIBUTION = z.looseObject({
  base_path: z.string(),
  repository: z.string().nullish(),
  repository_version: z.string().nullish(),
  remote: z.string().nullish(),
})
type Distribution = z.output<typeof DISTRIBUTION>
const DISTRIBUTIONS = z.looseObject({ results: z.array(DISTRIBUTION) })
const REPOSITORY = z.looseObject({ latest_version_href: z.string().nullish() })
const TAG = z.looseObject({ name: z.string(), tagged_manifest: z.string() })
const MANIFEST = z.looseObject({ pulp_href: z.string(), digest: z.string(), media_type: z.string().nullish() })
const BEGUN = z.looseObject({ task: z.string() })
const TASK = z.looseObject({
  state: z.string(),
  error: z.looseObject({ description: z.string().nullish() }).nullish(),
})

export function openPulp(registry: Registry, tools: AdapterTools): PulpApi {
  const http = (): HttpClient => {
    const url = addressOf(registry, `${new URL(registry.url ?? '').origin}/pulp/api/v3`)
    return tools.api({ url, name: 'api' })
  }

  const answers = once(async (ctx: Context): Promise<boolean> => {
    const asked = askJson(http(), { url: '/status/' }, STATUS, 'parts of Pulp', ctx)
    // An address that the configuration names must be right.
    const answer = textOf(registry, 'api_url') === undefined ? await ifAllowed(asked) : await asked
    return answer?.value.versions.some(({ component }) => component === 'container') ?? false
  })

  async function distribution(repository: string, ctx: Context): Promise<Distribution | undefined> {
    const url = `/distributions/container/container/?base_path=${encodeURIComponent(repository)}&limit=1`
    const { value } = await askJson(http(), { url }, DISTRIBUTIONS, `distributions of ${repository}`, ctx)
    return value.results.find(({ base_path }) => base_path === repository)
  }

  /** The address of the version that is pulled now. */
  async function version(repository: string, ctx: Context): Promise<string | undefined> {
    const found = await distribution(repository, ctx)
    // What it mirrors as it is pulled from is not all there.
    if (!found || found.remote) return undefined
    if (found.repository_version || !found.repository) return found.repository_version ?? undefined
    const what = `versions of ${repository}`
    const { value } = await askJson(http(), { url: within(found.repository, what) }, REPOSITORY, what, ctx)
    return value.latest_version_href ?? undefined
  }

  function contents<T>(
    kind: 'tags' | 'manifests',
    fields: string,
    held: { readonly version: string; readonly repository: string },
    form: z.ZodType<T>,
    key: (item: T) => string,
    ctx: Context,
  ): AsyncIterable<T> {
    const what = `${kind} of ${held.repository}`
    const path = `/content/container/${kind}/`
    const page = z.looseObject({ count: z.number(), results: z.array(form) })
    return countedItems({
      ...{ size: PAGE_SIZE, key, what, path },
      async read(number) {
        const offset = String((number - 1) * PAGE_SIZE)
        const query = new URLSearchParams({
          ...{ repository_version: held.version, fields, limit: String(PAGE_SIZE), offset },
        })
        const { value } = await askJson(http(), { url: `${path}?${query}` }, page, what, ctx)
        return { items: value.results, total: value.count }
      },
    })
  }

  async function finished(task: string, what: string, ctx: Context): Promise<void> {
    await lookedFor(what, ctx, async () => {
      const { state, error } = (await askJson(http(), { url: task }, TASK, 'tasks', ctx)).value
      if (UNFINISHED.has(state)) return false
      if (state === 'completed') return true
      throw new RegistryError(`cannot ${what}: the task ${state}: ${error?.description ?? 'without a reason'}`, {
        ...{ status: 200, method: 'GET', path: task },
      })
    })
  }

  return {
    isThere: async (ctx) => (await tools.credential()).kind !== 'anonymous' && (await answers(ctx)),
    async *tags(repository, ctx) {
      const found = await version(repository, ctx)
      if (found === undefined) return
      const held = { version: found, repository }
      const manifests = new Map<string, z.output<typeof MANIFEST>>()
      const fields = 'pulp_href,digest,media_type'
      for await (const one of contents('manifests', fields, held, MANIFEST, ({ pulp_href }) => pulp_href, ctx)) {
        manifests.set(one.pulp_href, one)
      }
      const nameOf = ({ name }: z.output<typeof TAG>): string => name
      const tags = contents('tags', 'name,tagged_manifest', held, TAG, nameOf, ctx)
      for await (const { name, tagged_manifest } of tags) {
        const manifest = manifests.get(tagged_manifest)
        yield { tag: name, digest: manifest?.digest, mediaType: manifest?.media_type ?? undefined }
      }
    },
    async untag(repository, tag, ctx) {
      const what = `delete ${repository}:${tag}`
      const found = await distribution(repository, ctx)
      const path = '/distributions/container/container/'
      if (!found?.repository) {
        throw new RegistryError(`cannot ${what}: the user sees no such repository`, {
          status: 404,
          method: 'GET',
          path,
        })
      }
      const url = `${within(found.repository, what)}untag/`
      const body = Buffer.from(JSON.stringify({ tag }))
      const request = { method: 'POST', url, headers: { 'content-type': 'application/json' }, body } as const
      try {
        const response = await http().request({ ...request, whole: ANSWER }, ctx)
        const begun = BEGUN.safeParse(await response.json(ANSWER))
        if (!begun.success) throw malformedAnswer(what, url, 'its answer names no task')
        await finished(within(begun.data.task, what), what, ctx)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 403) throw error
        const hint = 'the user must be owner or collaborator of the namespace, to change what its repositories hold'
        throw restated(error, `cannot ${what}: ${error.message}`, hint)
      }
    },
  }
}

const ANSWER = 1024 * 1024
const UNFINISHED: ReadonlySet<string> = new Set(['waiting', 'running', 'canceling', 'unblocked'])
const ADDRESS = /\/(?:repositories\/container\/[a-z-]+|tasks)\/[\w-]{1,64}\/$/

/** The path below the API's own of an address that it tells: a proxy before Pulp may have given the API another. */
function within(address: string, what: string): string {
  const found = ADDRESS.exec(address)?.[0]
  if (found !== undefined) return found
  throw malformedAnswer(what, '/', `its answer names the address ${JSON.stringify(address.slice(0, 200))}`)
}

/** Waits until what a worker of Pulp does is done. */
export async function lookedFor(what: string, ctx: Context, isDone: () => Promise<boolean>): Promise<void> {
  let waited = 0
  for (let pause = FIRST_LOOK; !(await isDone()); pause = Math.min(2 * pause, LAST_LOOK)) {
    if (waited > PATIENCE) {
      throw new RegistryError(`cannot ${what}: Pulp has taken it up, and not done it within 5 minutes`, {
        ...{ status: 202, method: 'GET', path: '/tasks/' },
        hint: 'look at its tasks, and whether a pulpcore-worker runs',
      })
    }
    await sleep(pause, ctx.signal)
    waited += pause
  }
}
