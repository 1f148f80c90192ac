/** Registries and policies over the API: read, written into the file as the command line writes them, refused. */

import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Serving, serving } from '../serving.ts'
import { type Ask, apiClient } from './client.ts'

const POLICIES = '/replication/policies'
const TOKENS = `  tokens:
    - { name: ann, token: "\${ANN_TOKEN}", role: admin }
    - { name: team, token: "\${TEAM_TOKEN}", role: maintainer, namespaces: [team] }
`
const ENV = { ANN_TOKEN: 'a-token-for-ann-of-the-admins', TEAM_TOKEN: 'a-token-for-the-team' }

interface Desk extends Serving {
  readonly ask: Ask
  text(): string
}

async function desk(more = ''): Promise<Desk> {
  const all = await serving()
  all.user.write('serve.yaml', `# The head stays.\n${all.yaml(more, TOKENS)}`)
  const daemon = await all.start(['serve.yaml'], ENV)
  const text = (): string => readFileSync(join(all.user.directory, 'serve.yaml'), 'utf8')
  return { ...all, ask: apiClient(daemon.url, ENV.ANN_TOKEN), text }
}

const OTHER = {
  source: { registry: 'from' },
  destination: { registry: 'to', namespace: 'other' },
  filters: { tag: 'v*' },
}

test('a policy is written, changed, disabled and removed in its file, and everything else in it stays', async () => {
  const { ask, text } = await desk()
  const before = text()
  const dry = await ask('POST', `${POLICIES}?dry_run=true`, { body: { name: 'other', definition: OTHER } })
  expect(dry).toMatchObject({ status: 200, body: { changes: true } })
  expect(dry.body.yaml).toBe(
    'policies:\n  other:\n    source:\n      registry: from\n    destination:\n      registry: to\n      namespace: other\n    filters:\n      tag: v*\n',
  )
  // The lines that would come, and none of those beside them.
  const lines = dry.body.lines.map(({ kind, text: line }: Record<string, string>) => `${kind} ${line}`)
  expect(lines[0]).toMatch(/^added {3}# created \d{4}-\d\d-\d\d by ann$/)
  expect(lines).toContain('added       tag: v*')
  expect(lines.join()).not.toMatch(/same|removed|head/)
  const definition = { ...OTHER, triggers: [{ schedule: '0 2 * * *', timezone: 'UTC' }] }
  const timed = await ask('POST', `${POLICIES}?dry_run=true`, { body: { name: 'other', definition } })
  expect(timed.body.next_runs).toHaveLength(3)
  expect(timed.body.next_runs[0].time).toMatch(/T02:00:00.000Z$/)
  expect(text()).toBe(before)
  const made = await ask('POST', POLICIES, { body: { name: 'other', definition: OTHER } })
  expect(made).toMatchObject({ status: 201, body: { name: 'other', enabled: true, definition: OTHER } })
  expect(text()).toContain(dry.body.yaml.replace('policies:\n', ''))
  expect(text()).toMatch(/# created \d{4}-\d\d-\d\d by ann\n {2}other:/)
  expect(text().startsWith('# The head stays.\n')).toBe(true)
  // The daemon has it at once.
  expect((await ask('GET', POLICIES)).body.map(({ name }: { readonly name: string }) => name)).toEqual([
    'copy',
    'other',
  ])
  for (const list of [POLICIES, '/registries']) {
    const { headers, body } = await ask('GET', `${list}?page=2&page_size=1`)
    expect([body.length, headers.get('x-total-count')], list).toEqual([1, '2'])
    expect(headers.get('link'), list).toBe(
      `</api${list}?page=1&page_size=1>; rel="first", </api${list}?page=1&page_size=1>; rel="prev"`,
    )
  }
  expect((await ask('PUT', `${POLICIES}/other`, { body: { enabled: false } })).body).toMatchObject({ enabled: false })
  expect(await ask('POST', '/replication/executions', { body: { policy_id: 'other' } })).toMatchObject({
    status: 412,
    body: { code: 'disabled' },
  })
  expect((await ask('DELETE', `${POLICIES}/other`)).status).toBe(204)
  expect(text()).toBe(before)
  expect((await ask('GET', `${POLICIES}/other`)).status).toBe(404)
})

test('two editors at once: the second is told, and nothing is lost', async () => {
  const { ask, text } = await desk()
  const { headers, body } = await ask('GET', `${POLICIES}/copy`)
  const etag = headers.get('etag') ?? ''
  const edit = (description: string) =>
    ask('PUT', `${POLICIES}/copy`, {
      headers: { 'if-match': etag },
      body: { definition: { ...body.definition, description } },
    })
  const answers = await Promise.all([edit('the first'), edit('the second')])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412])
  const won = answers[0]?.status === 200 ? 'the first' : 'the second'
  expect(text()).toContain(`description: ${won}`)
})

test('what has changed since it was read is neither changed nor removed, a registry neither', async () => {
  const { ask, text } = await desk()
  const etagOf = async (path: string) => ({ 'if-match': (await ask('GET', path)).headers.get('etag') ?? '' })
  const [policy, registry] = [`${POLICIES}/copy`, '/registries/to']
  const headers = await etagOf(policy)
  expect(await etagOf(registry)).toEqual(headers)
  expect((await ask('PUT', policy, { headers, body: { enabled: false } })).status).toBe(200)
  const before = text()
  const { definition } = (await ask('GET', registry)).body
  for (const [method, path, body] of [
    ['PUT', policy, { enabled: true }],
    ['DELETE', policy, undefined],
    ['PUT', registry, { definition: { ...definition, description: 'other' } }],
    ['DELETE', '/registries/from', undefined],
  ] as const) {
    const answer = await ask(method, path, { headers, ...(body === undefined ? {} : { body }) })
    // One that is in use is not removed in any case.
    expect([409, 412], `${method} ${path}`).toContain(answer.status)
    expect(text()).toBe(before)
  }
  expect(await ask('DELETE', policy, { headers: await etagOf(policy) })).toMatchObject({ status: 204 })
  expect((await ask('DELETE', registry, { headers })).status).toBe(412)
  expect((await ask('DELETE', registry, { headers: { 'if-match': '*' } })).status).toBe(204)
})

test('a file that cannot be written is explained, with the YAML to put into it', async () => {
  const { ask, user, text } = await desk()
  const before = text()
  chmodSync(user.directory, 0o555)
  try {
    const answer = await ask('POST', POLICIES, { body: { name: 'other', definition: OTHER } })
    // Root may write everywhere.
    if (process.getuid?.() === 0) return expect(answer.status).toBe(201)
    expect(answer).toMatchObject({ status: 409, body: { code: 'read_only' } })
    expect(answer.body.yaml).toContain('other:\n')
    expect(text()).toBe(before)
  } finally {
    chmodSync(user.directory, 0o755)
  }
})

test('everything that is wrong is said at once, and nothing is written', async () => {
  const { ask, text } = await desk()
  const before = text()
  const definition = { sorce: 'from', destination: { registry: 'tu' }, filters: { tag: '[' } }
  const answer = await ask('POST', POLICIES, { body: { name: 'other', definition } })
  expect(answer).toMatchObject({ status: 422, body: { code: 'configuration' } })
  expect(answer.body.errors.length).toBeGreaterThan(1)
  expect(text()).toBe(before)
  expect((await ask('POST', POLICIES, { body: { name: 'no name', definition: OTHER } })).status).toBe(400)
  expect((await ask('POST', POLICIES, { body: { name: 'copy', definition: OTHER } })).body.code).toBe('exists')
})

test('a maintainer writes policies of its namespaces, and nothing that reaches further', async () => {
  const { ask } = await desk()
  const token = ENV.TEAM_TOKEN
  const own = {
    scope: 'namespace',
    source: { registry: 'from', namespaces: ['team'] },
    destination: { registry: 'to' },
  }
  const make = (name: string, definition: object) => ask('POST', POLICIES, { token, body: { name, definition } })
  expect(await make('own', own)).toMatchObject({ status: 409, body: { code: 'scope_conflict' } })
  expect((await ask('PUT', `${POLICIES}/copy`, { body: { enabled: false } })).status).toBe(200)
  expect((await make('own', own)).status).toBe(201)
  for (const more of [
    { scope: 'system' },
    { source: { registry: 'from', namespaces: ['others'] } },
    { source: { registry: 'docker.io', namespaces: ['team'] } },
    { destination: { registry: 'to', namespace: 'others' } },
    { destination: { registry: 'to', flatten: 1 } },
    { destination: 'oci:/tmp/elsewhere' },
    { prepare: { handler: 'http://169.254.169.254/' } },
    { notify: [{ on: 'failed', exec: ['touch', '/tmp/x'] }] },
    { filters: { resource: 'chart' }, with_images: true },
    { description: `\${HOME}` },
  ]) {
    const answer = await make('more', { ...own, ...more })
    expect([403, 409, 422], JSON.stringify(more)).toContain(answer.status)
    expect((await ask('GET', `${POLICIES}/more`)).status).toBe(404)
  }
  // What is not its own is read-only.
  expect((await ask('PUT', `${POLICIES}/copy`, { token, body: { enabled: true } })).status).toBe(403)
  expect((await ask('DELETE', `${POLICIES}/copy`, { token })).status).toBe(403)
  expect((await ask('DELETE', '/registries/from', { token })).status).toBe(403)
  for (const more of [{ scope: 'system' }, { filters: { tag: `\${ANN_TOKEN}` } }]) {
    const body = { definition: { ...own, ...more } }
    expect((await ask('PUT', `${POLICIES}/own`, { token, body })).status).toBe(403)
  }
  expect((await ask('DELETE', `${POLICIES}/own`, { token })).status).toBe(204)
})

test('a registry is tested before it is written, and is not removed while a policy uses it', async () => {
  const { ask, text, destination } = await desk()
  const before = text()
  const definition = { type: 'docker-registry', url: 'http://127.0.0.1:1' }
  const wrong = await ask('POST', '/registries/ping', { body: { definition } })
  expect(wrong).toMatchObject({ status: 200, body: { ok: false } })
  expect(wrong.body.steps.at(-1)).toMatchObject({ ok: false })
  const right = { definition: { ...definition, url: destination.url } }
  expect((await ask('POST', '/registries/ping', { body: right })).body).toMatchObject({ ok: true, certificate: null })
  expect(text()).toBe(before)
  const made = await ask('POST', '/registries', { body: { name: 'third', ...right } })
  expect(made).toMatchObject({ status: 201, body: { name: 'third', registry_type: 'docker-registry', policies: [] } })
  expect((await ask('POST', '/registries/third/ping')).body.ok).toBe(true)
  const described = { definition: { ...right.definition, description: 'the third' } }
  expect((await ask('PUT', '/registries/third', { body: described })).body).toMatchObject({ description: 'the third' })
  expect(await ask('DELETE', '/registries/to')).toMatchObject({
    status: 409,
    body: { code: 'in_use', policies: ['copy'] },
  })
  expect((await ask('DELETE', '/registries/third')).status).toBe(204)
  expect(text()).toBe(before)
  // A secret does not stand in the file, and is not lost without being said.
  const secret = 'never to be shown 4711'
  const plain = await ask('POST', '/registries', {
    body: { name: 'fourth', definition: { ...right.definition, credential: { username: 'ann', password: secret } } },
  })
  expect(plain.status).toBe(422)
  expect(JSON.stringify(plain.body)).not.toContain(secret)
  const kept = await ask('POST', '/registries', {
    body: { name: 'fourth', ...right, credential: { type: 'basic', username: 'ann', secret } },
  })
  expect(kept).toMatchObject({ status: 409, body: { code: 'no_keychain' } })
  expect(kept.body.hint).toContain('REPLICATE_FOURTH_PASSWORD')
  expect(text()).toBe(before)
})

test('an empty definition removes nothing', async () => {
  const { ask, text } = await desk()
  const before = text()
  for (const definition of [{}, { filters: {} }]) {
    for (const path of ['/replication/policies/copy', '/registries/to']) {
      expect((await ask('PUT', path, { body: { definition } })).status).toBe(422)
    }
    expect((await ask('POST', '/replication/policies', { body: { name: 'new', definition } })).status).toBe(422)
  }
  expect(text()).toBe(before)
})

test('a definition is read as it was sent: what is quoted stays text', async () => {
  const { ask, text } = await desk()
  const definition = {
    ...OTHER,
    description: '1',
    override: false,
    max_deletions: 7,
    filters: { tag: ['true', '007', '12'] },
  }
  expect((await ask('POST', POLICIES, { body: { name: 'other', definition } })).status).toBe(201)
  expect((await ask('GET', `${POLICIES}/other`)).body.definition).toEqual(definition)
  const before = text()
  expect((await ask('PUT', `${POLICIES}/other`, { body: { definition } })).status).toBe(200)
  expect(text()).toBe(before)
})
