/** Lists of tags and referrers: whole, however long they are, and page by page. */

import { expect, test } from 'vitest'
import { createTokens, MOST_SCOPES } from '../../../src/serve/gateway/auth/tokens.ts'
import { Page } from '../../../src/serve/gateway/http/page.ts'
import { image, referrer } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { bodyOf, type Gateway, policies, pulled, registry, startGateway } from './gateway.ts'

/** Follows the links from page to page. */
async function pages<T>(gateway: Gateway, path: string, of: (body: never) => readonly T[]): Promise<readonly T[][]> {
  const all: T[][] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer = await gateway.get(next)
    expect(answer.status).toBe(200)
    all.push([...of((await answer.json()) as never)])
    next = /^<\/v2\/(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
  }
  return all
}

const tagsIn = ({ tags }: { readonly tags: readonly string[] }): readonly string[] => tags

test('more than 100,000 tags are listed to the last one', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  destination.add('mirror/app', app, '1.0')
  const { tags } = destination.repository('mirror/app')
  for (let at = 0; at < 100_500; at += 1) tags.set(`t${String(at).padStart(6, '0')}`, app.digest)
  const gateway = await startGateway(policies(source, destination))
  const last = await pages(gateway, 'team/app/tags/list?last=t098999', tagsIn)
  expect(last.map(({ length }) => length)).toEqual([1000, 500])
  expect([last[0]?.[0], last.at(-1)?.at(-1)]).toEqual(['t099000', 't100499'])
})

test('a page of tags is as long as the client wants, and its link keeps what the client said', async () => {
  const [source, destination] = [await registry({}), await registry({ ignoreN: true })]
  const tags = ['c', 'a', 'e', 'b', 'd']
  destination.add('mirror/app', image(), ...tags)
  const gateway = await startGateway(policies(source, destination))
  expect(await pages(gateway, 'team/app/tags/list?n=2&ns=hub', tagsIn)).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  const first = await gateway.get('team/app/tags/list?n=2&ns=hub')
  expect(first.headers.get('link')).toBe('</v2/team/app/tags/list?n=2&last=b&ns=hub>; rel="next"')
})

test('more than 1,000 referrers are listed to the last one', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  expect(await pulled(gateway)).toEqual([0])
  const many = Array.from({ length: 1100 }, (_, at) =>
    referrer(app.descriptor, { artifactType: 'application/x', annotations: { at: String(at) } }),
  )
  for (const one of many) destination.add('mirror/app', one)
  const got = await pages(
    gateway,
    `team/app/referrers/${app.digest}?artifactType=application/x`,
    ({ manifests }: { readonly manifests: readonly { readonly digest: string }[] }) =>
      manifests.map(({ digest }) => digest),
  )
  expect(got.map(({ length }) => length)).toEqual([1000, 100])
  expect(new Set(got.flat())).toEqual(new Set(many.map(({ digest }) => digest)))
})

test('a page has a bound in bytes, and the next one goes on where it ends', () => {
  const read = (after: string | undefined): Page<string> => {
    const page = new Page<string>({ entries: 10, bytes: 100 }, after)
    for (const [key, bytes] of [
      ['d', 10],
      ['a', 60],
      ['c', 500],
      ['b', 30],
      ['a', 60],
    ] as const) {
      page.add(key, key, bytes)
    }
    return page
  }
  const all: (readonly string[])[] = []
  let after: string | undefined
  do {
    const page = read(after)
    all.push(page.values)
    after = page.next
  } while (after !== undefined)
  expect(all).toEqual([['a', 'b'], ['c'], ['d']])
})

test('a token for as many repositories with the longest names as it may have fits into a header', () => {
  const tokens = createTokens(manualClock())
  const scopes = Array.from({ length: MOST_SCOPES }, (_, at) => `repository:${String(at).padEnd(255, 'x')}:pull`)
  const token = tokens.issue('someone', scopes, 300)
  expect(`Bearer ${token}`.length).toBeLessThan(8192)
  const claims = tokens.read(token)
  expect(scopes.every((scope) => claims?.allows(scope))).toBe(true)
  expect(claims?.allows('repository:other:pull')).toBe(false)
})

test('a token for more repositories than it can hold is refused with the reason', async () => {
  const [source, destination] = [await registry(), await registry()]
  const serve = `  pull_users: [{name: ci, password: "\${CI_PASSWORD}"}]\n`
  const gateway = await startGateway(policies(source, destination), { serve, env: { CI_PASSWORD: 'right and long' } })
  const scope = Array.from({ length: MOST_SCOPES + 1 }, (_, at) => `repository:team/app${at}:pull`).join(' ')
  const form = { grant_type: 'password', username: 'ci', password: 'right and long', scope }
  const answer = await gateway.get('token', { method: 'POST', body: new URLSearchParams(form) })
  expect([answer.status, await bodyOf(answer).then(String)]).toEqual([400, expect.stringContaining('at most 100')])
})

test('a tag is listed as soon as a client has its manifest, before anything is at the destination', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0', '2.0')
  // What no client waits for waits for the clock.
  const gateway = await startGateway(policies(source, destination), { timing: { clock: manualClock() } })
  expect((await gateway.get('team/app/tags/list')).status).toBe(404)
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const listed = await gateway.get('team/app/tags/list')
  expect([listed.status, await listed.json()]).toEqual([200, { name: 'team/app', tags: ['1.0'] }])
  expect(destination.repository('mirror/app').tags.size).toBe(0)
})
