/** Tags with their digests by Artifactory's query language: a manifest is stored as it was pushed, under its tag.
 *
 *  https://jfrog.com/help/r/jfrog-rest-apis/artifactory-query-language */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { timeFrom } from '../../src/core/time.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { type Artifactory, splitName } from './api.ts'

const ROW = z.looseObject({
  path: z.string(),
  name: z.string(),
  sha256: z.string().nullish(),
  size: z.number().nullish(),
  modified: z.string().nullish(),
})
type Row = z.output<typeof ROW>
const ANSWER = z.looseObject({
  results: z.array(ROW),
  // It says here, and only here, that it has left something out.
  range: z.looseObject({ notification: z.string().nullish() }).nullish(),
})

const PAGE_SIZE = 1000

export type ListTags = (repository: string, store: ContentStore, ctx: Context) => AsyncIterable<TagInfo | string>

/** Queries go one after another, as the server runs three at once and lets others wait in vain. */
export function createTagListing(api: Artifactory): ListTags {
  let turn: Promise<unknown> = Promise.resolve()

  function ask(query: string, what: string, ctx: Context) {
    const asked = turn.then(async () => {
      const body = Buffer.from(query)
      const request = {
        method: 'POST',
        url: '/api/search/aql',
        headers: { 'content-type': 'text/plain' },
        body,
      } as const
      return (await askJson(api.http, request, ANSWER, what, ctx)).value
    })
    turn = asked.catch(() => {})
    return asked
  }

  /** The rows of each tag, which may be two, in order of their paths. */
  async function* folders(key: string, image: string, ctx: Context): AsyncIterable<readonly Row[]> {
    const what = `tags of ${key}/${image}`
    let after = ''
    for (;;) {
      const { results, range } = await ask(queryOf(key, image, after), what, ctx)
      const byPath = Map.groupBy(results, ({ path }) => path)
      const isCut = results.length >= PAGE_SIZE || Boolean(range?.notification)
      const paths = [...byPath.keys()]
      // The last folder of a page may go on in the next.
      const whole = isCut && paths.length > 1 ? paths.slice(0, -1) : paths
      for (const path of whole) yield byPath.get(path) ?? []
      const last = whole.at(-1)
      if (!isCut || last === undefined) return
      if (last <= after) {
        const path = '/api/search/aql'
        throw new RegistryError(`cannot list the ${what}: its pages go round in a circle`, {
          status: 200,
          method: 'POST',
          path,
        })
      }
      after = last
    }
  }

  return async function* listTags(repository, store, ctx) {
    const { key, image } = splitName(repository)
    let found = 0
    try {
      for await (const rows of folders(key, image, ctx)) {
        found += 1
        const info = infoOf(rows, image)
        if (info !== undefined) yield info
      }
    } catch (error) {
      if (found > 0 || !(error instanceof RegistryError) || (error.status !== 400 && error.status !== 403)) throw error
      ctx.emit({
        type: 'log',
        level: 'debug',
        text: `${repository}: the query is refused, so tags are listed: ${error.message}`,
      })
    }
    // Remote and virtual repositories hold nothing of their own; and one that is not there is told so.
    if (found === 0) yield* store.tags(ctx)
  }
}

/** Manifests that were pushed by their digest stand in folders of that name. */
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
  const fields = ['repo', 'path', 'name', 'sha256', 'size', 'modified'].map((field) => JSON.stringify(field)).join(',')
  return `items.find(${JSON.stringify(criteria)}).include(${fields}).sort({"$asc":["path"]}).limit(${PAGE_SIZE})`
}

/** Undefined for what lies deeper: that is another image's. */
function infoOf(rows: readonly Row[], image: string): TagInfo | string | undefined {
  const [row] = rows
  const tag = row?.path.slice(image.length + 1)
  if (!row || !tag || tag.includes('/') || /^sha256(:|__)/.test(tag)) return undefined
  const digest = parseDigest(`sha256:${row.sha256 ?? ''}`)
  // Where an image and an index have been pushed one after the other, the registry knows which it is.
  if (!digest || rows.length > 1) return tag
  const pushed = timeFrom(row.modified)
  return { tag, digest, ...(pushed ? { pushed } : {}) }
}
