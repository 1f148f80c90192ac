/** Artifactory's REST API: its address, its repositories, and tags by its query language.
 *
 *  https://jfrog.com/help/r/jfrog-rest-apis/artifactory-rest-apis */

import { z } from 'zod'
import type { AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { malformedAnswer } from '../../src/oci/registry/listing.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { tagInfo } from '../told.ts'

/** A repository of Artifactory, which is a namespace here. */
export interface Key {
  readonly key: string
  /** In lower case: `local`, `remote`, `virtual`, `federated`. */
  readonly type: string
}

export interface Artifactory {
  readonly http: HttpClient
  /** `https://acme.jfrog.io/artifactory`, without a trailing slash. */
  readonly url: string
  readonly packageType: string
  check(ctx: Context): Promise<void>
  /** The repositories of the package type that the credential sees. Asked once. */
  keys(ctx: Context): Promise<readonly Key[]>
  /** The tags of an image in a local repository, with their digests; none for other repositories. */
  tags(key: string, image: string, ctx: Context): AsyncIterable<TagInfo | string>
}

const KEYS = z.array(z.looseObject({ key: z.string(), type: z.string() }))

export function openArtifactory(registry: Registry, tools: AdapterTools): Artifactory {
  const given = (registry.url ?? '').replace(/\/+$/, '')
  // With a path it is the whole address already, whatever the path is called.
  const url = new URL(given).pathname === '/' ? `${given}/artifactory` : given
  const type = registry.options?.package_type
  const packageType = typeof type === 'string' ? type : 'docker'
  const client = (): HttpClient => tools.api({ url, name: 'api' })

  async function list(ctx: Context): Promise<readonly Key[]> {
    const asked = { url: `/api/repositories?packageType=${packageType}` }
    const { value } = await askJson(client(), asked, KEYS, `repositories of ${registry.name}`, ctx)
    return value.map(({ key, type }) => ({ key, type: type.toLowerCase() }))
  }

  return {
    get http() {
      return client()
    },
    url,
    packageType,
    async check(ctx) {
      try {
        await list(ctx)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 404) throw error
        const hint = 'check `url`: with its path, such as /artifactory'
        throw restated(error, `${url} is not an Artifactory: ${error.message}`, hint)
      }
    },
    keys: once(list),
    tags: createTagQuery(client),
  }
}

/** The key, and the image in it. */
export function splitName(repository: string): { readonly key: string; readonly image: string } {
  const [key = '', ...rest] = repository.split('/')
  return { key, image: rest.join('/') }
}

const ROW = z.looseObject({
  path: z.string(),
  sha256: z.string().nullish(),
  modified: z.string().nullish(),
})
type Row = z.output<typeof ROW>
const ANSWER = z.looseObject({
  results: z.array(ROW),
  // Only here does it say that it has left something out.
  range: z.looseObject({ notification: z.string().nullish() }).nullish(),
})

const QUERY = '/api/search/aql'
const PAGE_SIZE = 1000

/** A manifest is stored as it was pushed, in a folder named after its tag.
 *
 *  https://jfrog.com/help/r/jfrog-rest-apis/artifactory-query-language */
function createTagQuery(client: () => HttpClient): Artifactory['tags'] {
  let turn: Promise<unknown> = Promise.resolve()

  /** One query at a time: the server runs three, and lets others wait until they fail. */
  function ask(query: string, what: string, ctx: Context) {
    const asked = turn.then(async () => {
      const headers = { 'content-type': 'text/plain' }
      const request = { method: 'POST', url: QUERY, headers, body: Buffer.from(query) } as const
      return (await askJson(client(), request, ANSWER, what, ctx)).value
    })
    turn = asked.catch(() => {})
    return asked
  }

  /** The rows of each folder, in order of their paths as the server sorts: by the collation of its database. */
  async function* folders(key: string, image: string, ctx: Context): AsyncIterable<readonly Row[]> {
    const what = `tags of ${key}/${image}`
    const seen = new Set<string>()
    for (let after = ''; ; ) {
      const { results, range } = await ask(queryOf(key, image, after), what, ctx)
      const byPath = Map.groupBy(results, ({ path }) => path)
      const isCut = results.length >= PAGE_SIZE || Boolean(range?.notification)
      const paths = [...byPath.keys()]
      // The last folder of a page may continue on the next.
      const whole = isCut && paths.length > 1 ? paths.slice(0, -1) : paths
      for (const path of whole) yield byPath.get(path) ?? []
      const last = whole.at(-1)
      if (!isCut || last === undefined) return
      if (seen.has(last)) throw malformedAnswer(what, QUERY, 'its pages go round in a circle')
      seen.add(last)
      after = last
    }
  }

  return async function* tags(key, image, ctx) {
    for await (const rows of folders(key, image, ctx)) {
      const [{ path = '', sha256, modified } = {}] = rows
      const tag = path.slice(image.length + 1)
      // What lies deeper is another image's.
      if (tag === '' || tag.includes('/') || /^sha256(:|__)/.test(tag)) continue
      // Two rows: an image and an index were pushed one after the other, and only the registry knows which is current.
      yield rows.length > 1 ? tag : tagInfo(tag, { digest: `sha256:${sha256 ?? ''}`, pushed: modified })
    }
  }
}

/** Without the folders of manifests that were pushed by their digest. */
function queryOf(key: string, image: string, after: string): string {
  const criteria = {
    repo: key,
    $or: [{ name: 'manifest.json' }, { name: 'list.manifest.json' }],
    $and: [
      { path: { $match: `${image}/*` } },
      { path: { $nmatch: `${image}/sha256:*` } },
      ...(after === '' ? [] : [{ path: { $gt: after } }]),
    ],
  }
  const fields = ['repo', 'path', 'name', 'sha256', 'modified'].map((field) => JSON.stringify(field)).join(',')
  return `items.find(${JSON.stringify(criteria)}).include(${fields}).sort({"$asc":["path"]}).limit(${PAGE_SIZE})`
}
