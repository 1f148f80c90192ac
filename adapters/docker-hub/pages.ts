/** Pages of Docker Hub's API: 100 results each, and the address of the next. */

import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import { isNotFound } from '../../src/core/errors.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import type { HubApi } from './api.ts'

/** The API gives no more, whatever is asked for. */
const PAGE_SIZE = 100

/** Every result below `path`, in order. A page past the end, as one that has vanished meanwhile is, ends them. */
export function resultsOf<T>(
  api: HubApi,
  path: string,
  form: z.ZodType<T>,
  what: string,
  ctx: Context,
): AsyncIterable<T> {
  const page = z.looseObject({ next: z.string().nullish(), results: z.array(form) })
  const first = `${path}?page_size=${PAGE_SIZE}`
  return itemsOf(
    first,
    async (url) => {
      try {
        const { value } = await askJson(api.http, { url }, page, what, ctx)
        return { items: value.results, next: value.next ? belowApi(value.next) : undefined }
      } catch (error) {
        if (url !== first && isNotFound(error)) return { items: [], next: undefined }
        throw error
      }
    },
    what,
  )
}

/** Of the link only path and query count: the API may be reached under another name. */
function belowApi(link: string): string {
  const { pathname, search } = new URL(link, 'https://hub.docker.com')
  return pathname + search
}
