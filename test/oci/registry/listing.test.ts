/** Lists tags from servers that page in every way. */

import { afterEach, describe, expect, test } from 'vitest'
import { isNotFound } from '../../../src/core/errors.ts'
import type { HttpClient } from '../../../src/core/http.ts'
import { listNames, nextPage } from '../../../src/oci/registry/listing.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { collect, connect, end, memoryRegistry } from './connect.ts'

afterEach(end)

const DIGEST = `sha256:${'a'.repeat(64)}` as const

function fill(registry: MemoryRegistry, count: number): string[] {
  const tags = Array.from({ length: count }, (_, at) => `v${String(at).padStart(5, '0')}`)
  for (const tag of tags) registry.repository('app').tags.set(tag, DIGEST)
  return tags
}

describe('tags', () => {
  test.each(['relative', 'absolute', 'opaque', 'none'] as const)('come page by page with %s links', async (link) => {
    const registry = await memoryRegistry({ link })
    const tags = fill(registry, 2500)
    const { adapter, ctx } = connect(registry.url)
    expect(await collect(adapter.repository('app').tags(ctx))).toEqual(tags)
    expect(registry.requests).toHaveLength(3)
  })

  test('of exactly one page are asked for once more and given once', async () => {
    const registry = await memoryRegistry({ ignoreN: true })
    const tags = fill(registry, 1000)
    const { adapter, ctx } = connect(registry.url)
    expect(await collect(adapter.repository('app').tags(ctx))).toEqual(tags)
    expect(registry.requests).toHaveLength(2)
  })

  test('are asked for without n where the registry refuses it', async () => {
    const registry = await memoryRegistry({ pageSize: 100 })
    const tags = fill(registry, 250)
    const { adapter, ctx } = connect(registry.url)
    expect(await collect(adapter.repository('app').tags(ctx))).toEqual(tags)
  })

  test('may be null', async () => {
    const registry = await memoryRegistry({ tagsNull: true })
    fill(registry, 0)
    registry.repository('app')
    const { adapter, ctx } = connect(registry.url)
    expect(await collect(adapter.repository('app').tags(ctx))).toEqual([])
  })

  test('of an unknown repository are a 404', async () => {
    const registry = await memoryRegistry()
    const { adapter, ctx } = connect(registry.url)
    await expect(collect(adapter.repository('app').tags(ctx))).rejects.toSatisfy(isNotFound)
  })

  test('are each given once where the tag that ended a page is deleted meanwhile', async () => {
    const registry = await memoryRegistry({ lastMustExist: true })
    const tags = fill(registry, 2500)
    const { adapter, ctx } = connect(registry.url)
    const listed: string[] = []
    for await (const tag of adapter.repository('app').tags(ctx)) {
      listed.push(tag)
      if (listed.length === 1000) registry.repository('app').tags.delete(tag)
    }
    expect(listed).toEqual(tags)
  })

  test('that vanish with their repository in the middle are no 404', async () => {
    const registry = await memoryRegistry()
    fill(registry, 1500)
    const { adapter, ctx } = connect(registry.url)
    const listing = (async () => {
      for await (const _ of adapter.repository('app').tags(ctx)) registry.repositories.delete('app')
    })()
    await expect(listing).rejects.toMatchObject({ code: 'network', message: expect.stringContaining('changed') })
  })

  test('whose pages go round in a circle are an error', async () => {
    const registry = await memoryRegistry({ link: 'loop' })
    fill(registry, 1000)
    const { adapter, ctx } = connect(registry.url)
    await expect(collect(adapter.repository('app').tags(ctx))).rejects.toThrow('in a circle')
    expect(registry.requests.length).toBeLessThan(5)
  })
})

test('pages of new names without an end are given up', async () => {
  let pages = 0
  const http = {
    url: 'https://example.com',
    async request({ url }: { readonly url: string }) {
      pages += 1
      const headers = { link: `</v2/app/tags/list?last=v${pages}>; rel="next"` }
      return { url: new URL(url, 'https://example.com').href, headers, json: async () => ({ tags: [`v${pages}`] }) }
    },
  } as unknown as HttpClient
  const what = 'tags of app'
  const listing = { http, path: '/v2/app/tags/list', key: 'tags', scopes: [], pageSize: 1000, what } as const
  const last = async (): Promise<void> => {
    for await (const _ of listNames(listing, { signal: new AbortController().signal, emit: () => {} }));
  }
  await expect(last()).rejects.toThrow('cannot list the tags of app: it has more than 100000 pages')
})

test('of very many names that are no tags ten are told, and the number of the others', async () => {
  const registry = await memoryRegistry()
  const odd = Array.from({ length: 500 }, (_, at) => `not a tag ${at} ${'x'.repeat(1000)}`)
  for (const tag of [...odd, 'v1']) registry.repository('app').tags.set(tag, DIGEST)
  const { adapter, ctx, events } = connect(registry.url)
  expect(await collect(adapter.repository('app').tags(ctx))).toEqual(['v1'])
  const texts = events.flatMap((event) => (event.type === 'log' ? [event.text] : []))
  expect(texts).toHaveLength(11)
  expect(texts.at(-1)).toContain('490 more')
  expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(300)
})

test('a link to the next page that is very long is an error', async () => {
  let next = 0
  const registry = await memoryRegistry({
    fault: ({ route }) => {
      next += 1
      const headers = { link: `</v2/app/tags/list?last=${'x'.repeat(next * 4000)}>; rel="next"` }
      return route === 'tags' ? { status: 200, headers, body: `{"tags":["v${next}"]}` } : undefined
    },
  })
  const { adapter, ctx } = connect(registry.url)
  await expect(collect(adapter.repository('app').tags(ctx))).rejects.toThrow('link to the next page')
})

describe('a link to the next page', () => {
  const http = { url: 'https://example.com/prefix', host: 'example.com', request: notCalled, close: notCalled }
  const from = 'https://example.com/prefix/v2/app/tags/list?n=2'

  test.each([
    ['</prefix/v2/app/tags/list?last=b&n=2>; rel="next"', '/prefix/v2/app/tags/list?last=b&n=2'],
    ['</v2/app/tags/list?last=b>; rel=next', '/prefix/v2/app/tags/list?last=b'],
    ['<http://internal:5000/v2/app/tags/list?next_page=x>; rel="next"', '/prefix/v2/app/tags/list?next_page=x'],
    ['</repository/proxy/v2/app/tags/list?last=b>; rel="next"', '/prefix/v2/app/tags/list?last=b'],
    ['</repository/proxy/prefix/v2/app/tags/list?last=b>; rel="next"', '/prefix/v2/app/tags/list?last=b'],
    ['</app/tags/list?last=b>; rel="next"', '/prefix/v2/app/tags/list?last=b'],
    ['</v2/app/tags/more?last=b>; rel="next"', '/prefix/v2/app/tags/more?last=b'],
    ['<?last=b>; rel="next"', '/prefix/v2/app/tags/list?last=b'],
    ['</prefix/v2/a,b?x=1>; rel="prev", </prefix/v2/a?x=2>; title="t"; rel="last next"', '/prefix/v2/a?x=2'],
  ])('%s is on the registry itself', (link, path) => {
    expect(nextPage(http, from, link)).toBe(`https://example.com${path}`)
  })

  test.each([undefined, '', '</v2/a>; rel="prev"', 'nonsense'])('%s is none', (link) => {
    expect(nextPage(http, from, link)).toBeUndefined()
  })
})

async function notCalled(): Promise<never> {
  throw new Error('not called')
}
