/** Checks a registry and lists its catalogue. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { collect, connect, end, endings, memoryRegistry } from './connect.ts'

const ALL = { namespaces: [], names: [] }

afterEach(end)

async function webServer(answer: (path: string) => { status: number; type: string; body: string }): Promise<string> {
  const server = createServer((request, response) => {
    const { status, type, body } = answer(request.url ?? '/')
    response.writeHead(status, { 'content-type': type }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  endings.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('ping', () => {
  test('takes one GET and no HEAD', async () => {
    const registry = await memoryRegistry()
    const { adapter, ctx } = connect(registry.url)
    await adapter.ping(ctx)
    expect(registry.summary()).toEqual({ 'GET ping 200': 1 })
  })

  test.each([
    ['a 404', { status: 404, type: 'text/plain', body: 'no' }],
    ['a web page', { status: 200, type: 'text/html; charset=utf-8', body: '<html></html>' }],
  ])('says of %s that it is not a registry, and where to look', async (_name, answer) => {
    const { adapter, ctx } = connect(await webServer(() => answer))
    await expect(adapter.ping(ctx)).rejects.toMatchObject({
      message: expect.stringContaining('does not speak the registry API V2'),
      hint: expect.stringContaining('url'),
    })
  })
})

describe('the catalogue', () => {
  test.each(['relative', 'absolute', 'opaque', 'none'] as const)('is paged to its end with %s links', async (link) => {
    const registry = await memoryRegistry({ link })
    const names = Array.from({ length: 250 }, (_, at) => `team/app-${at}`)
    for (const name of names) registry.repository(name)
    const { adapter, ctx } = connect(registry.url)
    const listed = await collect(adapter.repositories?.(ALL, ctx) ?? [])
    expect(listed.sort()).toEqual(names.sort())
  })

  test('is asked without n where the registry refuses it', async () => {
    const registry = await memoryRegistry({ pageSize: 50 })
    for (let at = 0; at < 120; at += 1) registry.repository(`app-${at}`)
    const { adapter, ctx } = connect(registry.url)
    expect(await collect(adapter.repositories?.(ALL, ctx) ?? [])).toHaveLength(120)
    expect(registry.requests[0]).toMatchObject({ path: '/v2/_catalog?n=100', status: 400 })
    expect(registry.requests[1]).toMatchObject({ path: '/v2/_catalog', status: 200 })
  })

  test('gives each name once, in whatever order they come', async () => {
    const pages: Record<string, string> = {
      '/v2/_catalog?n=100': '{"repositories":["z/a","a/b"]}',
    }
    const url = await webServer((path) => ({ status: 200, type: 'application/json', body: pages[path] ?? '{}' }))
    const { adapter, ctx } = connect(url)
    expect(await collect(adapter.repositories?.(ALL, ctx) ?? [])).toEqual(['z/a', 'a/b'])
  })

  test.each([false, 401] as const)('that is refused (%s) says to name repositories', async (catalog) => {
    const registry = await memoryRegistry({ catalog })
    const { adapter, ctx } = connect(registry.url)
    await expect(collect(adapter.repositories?.(ALL, ctx) ?? [])).rejects.toMatchObject({
      hint: 'name the repositories, in a policy by its name filter; `ls HOST/REPOSITORY` lists the tags of one',
    })
  })
})
