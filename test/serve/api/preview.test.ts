/** Looks at policies over the API: what their filters match, and their plans. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { serving } from '../serving.ts'
import { apiClient } from './client.ts'
import { served } from './served.ts'

const PREVIEW = '/replication/policies/preview'

test('what the filters of a policy match comes line by line, with where it lands and why not', async () => {
  const { ask, source } = await served("    filters: {name: [app, 'team/*'], tag: 'v*'}\n")
  source.add('app', image({ seed: 2 }), 'old')
  source.add('team/tool', image({ seed: 3 }), 'v7')
  source.add('other', image({ seed: 4 }), 'v1')
  const { status, headers, body } = await ask('POST', PREVIEW, { body: { policy_id: 'copy' } })
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  const rows = body.filter(({ type }: { readonly type: string }) => type === 'repository')
  expect(rows).toEqual([
    {
      type: 'repository',
      repository: 'app',
      lands: ['to/mirror/app'],
      tags: ['v1'],
      tags_selected: 1,
      untagged: 0,
      seen: 2,
      left: [{ tag: 'old', rule: 'tag: v*' }],
    },
    expect.objectContaining({ repository: 'team/tool', lands: ['to/mirror/tool'], tags: ['v7'] }),
  ])
  expect(body).toContainEqual({ type: 'left', repository: 'other', rule: 'name: app, team/*' })
  expect(body.at(-1)).toEqual({
    type: 'done',
    repositories: 2,
    tags: 2,
    untagged: 0,
    seen: 3,
    left_repositories: 1,
    warnings: 0,
    cut: null,
  })
})

test('a policy that is not saved is looked at, also without its destination', async () => {
  const { ask, user } = await served()
  const policy = { name: 'new', source: { registry: 'from' }, filters: { tag: 'v*' } }
  const { body } = await ask('POST', PREVIEW, { body: policy })
  expect(body).toMatchObject([
    { repository: 'app', lands: [], tags: ['v1'] },
    { type: 'done', tags: 1 },
  ])
  const whole = { ...policy, destination: { registry: 'to', namespace: 'elsewhere' } }
  expect((await ask('POST', PREVIEW, { body: whole })).body[0]).toMatchObject({ lands: ['to/elsewhere/app'] })
  // One that is in force under the same name is not in its way, nor changed by it.
  const before = readFileSync(join(user.directory, 'serve.yaml'), 'utf8')
  expect((await ask('POST', PREVIEW, { body: { ...whole, name: 'copy' } })).status).toBe(200)
  expect(readFileSync(join(user.directory, 'serve.yaml'), 'utf8')).toBe(before)
})

test('a plan has the rows of `plan --json`', async () => {
  const { ask, user } = await served()
  const printed = await user.run(['plan', 'serve.yaml', '--json'])
  const [{ actions, ...rest }] = JSON.parse(printed.stdout).policies
  const { body } = await ask('POST', `${PREVIEW}?plan=true`, { body: { policy_id: 'copy' } })
  expect(body.slice(0, -1)).toEqual(actions.map((action: object) => ({ type: 'action', ...action })))
  expect(body.at(-1)).toEqual({ type: 'plan', ...rest, actions: { copy: 1 }, refused: null, cut: null })
  const draft = { source: { registry: 'from' }, destination: { registry: 'to' } }
  const other = await ask('POST', `${PREVIEW}?plan=true&shallow=true`, { body: draft })
  expect(other.body).toMatchObject([{ action: 'copy', destination: 'to/app:v1', bytes: null }, { type: 'plan' }])
})

test('a maintainer looks at drafts for its own namespaces, without files and variables; an operator at saved policies', async () => {
  const tokens = `  tokens:
    - { name: team, token: "\${TEAM}", role: maintainer, namespaces: [team] }
    - { name: ops, token: "\${OPS}", role: operator }
`
  const env = { TEAM: 'token-of-the-team-1', OPS: 'token-of-the-ops-12', SECRET: 'not-for-the-team' }
  const all = await serving()
  all.source.add('team/tool', image({ seed: 3 }), 'v7')
  all.user.write('serve.yaml', all.yaml('', tokens))
  const daemon = await all.start(undefined, env)
  const [team, ops] = [apiClient(daemon.url, env.TEAM), apiClient(daemon.url, env.OPS)]
  const own = { scope: 'namespace', source: { registry: 'from', namespaces: ['team'] } }
  expect((await team('POST', PREVIEW, { body: own })).body).toMatchObject([
    { repository: 'team/tool' },
    { type: 'done', left_repositories: 1 },
  ])
  for (const body of [
    { ...own, scope: 'system', source: { registry: 'from' } },
    { ...own, source: { registry: 'from', namespaces: ['other'] } },
    { ...own, destination: { registry: 'to', namespace: 'other' } },
    { ...own, scope: 'system' },
  ]) {
    expect(await team('POST', PREVIEW, { body }), JSON.stringify(body)).toMatchObject({ status: 403 })
  }
  for (const more of [{ values: ['/etc/passwd'] }, { filters: { name: `\${SECRET}` } }, { source: 'oci:/etc' }]) {
    const refused = await team('POST', PREVIEW, { body: { ...own, ...more } })
    expect([403, 422], JSON.stringify(more)).toContain(refused.status)
    expect(JSON.stringify(refused.body)).not.toContain(env.SECRET)
  }
  expect((await ops('POST', PREVIEW, { body: { policy_id: 'copy' } })).status).toBe(200)
  expect(await ops('POST', PREVIEW, { body: own })).toMatchObject({ status: 403, body: { code: 'forbidden' } })
})

test('everything that is wrong is said at once, and a source that fails is a problem of its own', async () => {
  const { ask, source } = await served()
  const wrong = await ask('POST', PREVIEW, {
    body: { source: { registry: 'nothing' }, filters: { tag: '[' }, triggers: [{ schedule: 'often' }] },
  })
  expect(wrong).toMatchObject({ status: 422, body: { code: 'configuration' } })
  expect(wrong.body.errors.map(({ path }: { readonly path: string }) => path)).toEqual(
    expect.arrayContaining(['body.filters.tag.0', 'body.triggers.0.schedule']),
  )
  expect((await ask('POST', PREVIEW, { body: { policy_id: 'nothing' } })).status).toBe(404)
  expect((await ask('POST', `${PREVIEW}?plan=true`, { body: { source: { registry: 'from' } } })).status).toBe(422)
  await source.close()
  const down = await ask('POST', PREVIEW, { body: { policy_id: 'copy' } })
  expect(down).toMatchObject({ status: 502, body: { code: 'network' } })
  expect(down.body.message).toMatch(/^source from: /)
})

test('a look ends when its client leaves, and a few at once are the most', async () => {
  let asked = 0
  const waiting = Promise.withResolvers<void>()
  const { ask, daemon, token } = await served('', '', {
    async intercept({ url }) {
      if (!url.pathname.endsWith('/tags/list')) return undefined
      asked += 1
      await waiting.promise
      return undefined
    },
  })
  const leaving = new AbortController()
  const look = (signal: AbortSignal): Promise<Response | undefined> =>
    fetch(`${daemon.url}/api${PREVIEW}`, {
      method: 'POST',
      signal,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ policy_id: 'copy' }),
    }).catch(() => undefined)
  const looks = Array.from({ length: 4 }, () => look(leaving.signal))
  await until('all of them look', () => asked === 4)
  const refused = await ask('POST', PREVIEW, { body: { policy_id: 'copy' } })
  expect(refused).toMatchObject({ status: 503, body: { code: 'busy' } })
  expect(refused.headers.get('retry-after')).toBe('2')
  leaving.abort()
  await Promise.all(looks)
  // They end although the source never answers them.
  const next = look(new AbortController().signal)
  await until('another one looks', () => asked === 5)
  waiting.resolve()
  expect((await next)?.status).toBe(200)
})
