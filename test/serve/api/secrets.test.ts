/** Looks for secrets in every byte that a daemon answers, says or keeps, after everything was asked and much has failed. */

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { type Serving, serving } from '../serving.ts'
import { apiDocument, operationsOf } from './document.ts'

/** In the environment of the daemon, by the name of its variable. Each has what base64 and URLs write otherwise. */
const CONFIGURED = {
  ADMIN_TOKEN: 'admin+token/4711=of-the-admin',
  VIEWER_TOKEN: 'viewer+token/4712=of-the-viewer',
  FROM_PASSWORD: 'right+password/4713=of from',
  LOCKED_PASSWORD: 'wrong+password/4714=of locked',
  LOCKED_TOKEN: 'wrong+bearer/4715=of-held',
  HOOK_SECRET: 'hook+secret/4716=of-from',
  HANDLER_TOKEN: 'handler-token-4717',
  WEBHOOK_TOKEN: 'webhook-token-4718',
  SIGNING_SECRET: 'signing+secret/4719=of-webhook',
  SLACK_TOKEN: 'slack-token-4720',
  EXEC_TOKEN: 'exec+token/4721=of-a-command',
  PULL_PASSWORD: 'pull+password/4722=of-a-user',
} as const

/** What clients send. */
const SENT = {
  typed: 'typed+password/4723=of ann',
  literal: 'literal+password/4724=of ann',
  bearer: 'bearer+token/4725=of-nobody',
  signIn: 'sign-in+token/4726=of-nobody',
  handler: 'handler-token-4727-sent',
  webhook: 'webhook-token-4728-sent',
  userinfo: 'userinfo-4729-sent',
  hook: 'hook+secret/4730=sent',
  body: 'password-4731-in-bad-json',
} as const

/** One with a credential that the source refuses, a handler and hooks that answer 404, and everything that may hold a secret. */
const yaml = ({ source, destination }: Serving): string => `registries:
  from:
    type: docker-registry
    url: '${source.url}'
    credential: {type: basic, username: ann, password: '\${FROM_PASSWORD}'}
    hook_secret: '\${HOOK_SECRET}'
  locked:
    type: docker-registry
    url: '${source.url.replace('127.0.0.1', 'localhost')}'
    credential: {type: basic, username: ann, password: '\${LOCKED_PASSWORD}'}
  held:
    type: docker-registry
    url: '${source.url}/held'
    credential: {type: token, token: '\${LOCKED_TOKEN}'}
  to: {type: docker-registry, url: '${destination.url}'}
  spare: {type: docker-registry, url: '${destination.url}'}
policies:
  copy:
    source: {registry: from}
    destination: {registry: to, namespace: mirror}
    prepare: {handler: '${destination.url}/handlers/\${HANDLER_TOKEN}?key=\${HANDLER_TOKEN}'}
    notify: &notify
      - {on: [failed, succeeded], webhook: '${destination.url}/hooks/\${WEBHOOK_TOKEN}', secret: '\${SIGNING_SECRET}'}
      - {on: [failed, succeeded], slack: '${destination.url}/services/\${SLACK_TOKEN}'}
      - {on: [failed, succeeded], exec: [/bin/false, '\${EXEC_TOKEN}']}
    triggers: [{pull: true}, {event: [push]}]
  fails:
    source: {registry: locked}
    destination: {registry: to, namespace: other}
    retry: {attempts: 1}
    notify: *notify
serve:
  listen: 127.0.0.1:0
  health_interval: 1s
  tokens:
    - {name: admin, token: '\${ADMIN_TOKEN}', role: admin}
    - {name: viewer, token: '\${VIEWER_TOKEN}', role: viewer}
  pull_users: [{name: puller, password: '\${PULL_PASSWORD}'}]
  notify:
    - {on: [unhealthy, healthy], webhook: '${destination.url}/hooks/\${WEBHOOK_TOKEN}', secret: '\${SIGNING_SECRET}'}
`

type Found = Map<string, string>

/** Asks, and remembers every byte of what came back. */
function asker(url: string, found: Found) {
  return async (method: string, path: string, token?: string, body?: unknown, more: Record<string, string> = {}) => {
    const leaving = new AbortController()
    const answer = await fetch(`${url}${path}`, {
      method,
      signal: leaving.signal,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const head = JSON.stringify([...answer.headers])
    const isEndless = (answer.headers.get('content-type') ?? '').includes('event-stream')
    const text = isEndless ? '' : await answer.text()
    leaving.abort()
    found.set(`the answer ${found.size} to ${method} ${path}: ${answer.status}`, `${head}\n${text}`)
    return { status: answer.status, text }
  }
}

/** All that the stream of events sends until `leave` is called. */
async function listened(url: string, token: string): Promise<{ readonly heard: () => string; leave(): void }> {
  const leaving = new AbortController()
  const answer = await fetch(`${url}/api/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: leaving.signal,
  })
  expect(answer.status).toBe(200)
  let heard = ''
  void (async () => {
    for await (const chunk of answer.body ?? []) heard += Buffer.from(chunk).toString()
  })().catch(() => {})
  return { heard: () => heard, leave: () => leaving.abort() }
}

/** As it is, as URLs have it, and in base64 wherever in a longer text it begins. */
function shapesOf(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1)
  const encoded = ['', 'x', 'xx'].flatMap((before) => {
    const text = Buffer.from(before + secret).toString('base64')
    // The first and the last characters depend on what stands beside it.
    const own = text
      .slice(before === '' ? 0 : 4)
      .replace(/=+$/, '')
      .slice(0, -2)
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const urls = [encodeURIComponent(secret), encodeURI(secret), new URLSearchParams({ '': secret }).toString().slice(1)]
  return [...new Set([secret, json, Buffer.from(secret).toString('hex'), ...urls, ...encoded])]
}

function leaks(found: Found, secrets: Readonly<Record<string, string>>): readonly string[] {
  const shapes = Object.entries(secrets).map(([name, secret]) => ({ name, shapes: shapesOf(secret) }))
  return [...found].flatMap(([place, text]) =>
    shapes.flatMap(({ name, shapes: all }) =>
      all
        .filter((shape) => text.includes(shape))
        .map((shape) => {
          const at = text.indexOf(shape)
          return `${name} in ${place}: ${text.slice(Math.max(0, at - 100), at + 60)}`
        }),
    ),
  )
}

/** Every file below the directory in which the daemon runs, its home included; bytes as characters of one byte. */
function files(directory: string): Found {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [`the file ${path}`, readFileSync(path).toString('latin1')]
    }),
  )
}

type Asker = ReturnType<typeof asker>

/** Each GET of the document, for everything there is and for what is not there. */
async function walk(ask: Asker, token: string): Promise<void> {
  const listed = async (path: string, key: string): Promise<readonly string[]> => {
    const rows: readonly Record<string, unknown>[] = JSON.parse((await ask('GET', path, token)).text)
    return rows.map((row) => String(row[key]))
  }
  const executions = await listed('/api/replication/executions', 'id')
  const ids: Readonly<Record<string, readonly string[]>> = {
    executions,
    policies: await listed('/api/replication/policies', 'name'),
    registries: await listed('/api/registries', 'name'),
  }
  for (const { method, path } of operationsOf(await apiDocument())) {
    if (method !== 'GET') continue
    const [, kind = ''] = /\/(\w+)\/\{/.exec(path) ?? []
    for (const id of [...(ids[kind] ?? []), 'none']) {
      const tasks =
        path.includes('{task}') && id !== 'none' ? await listed(`/api/replication/executions/${id}/tasks`, 'id') : ['0']
      for (const task of tasks) {
        const filled = path.replaceAll('{task}', task).replaceAll(/\{\w+\}/g, id)
        await ask('GET', filled, token)
      }
      if (!path.includes('{')) break
    }
  }
}

async function pageFiles(ask: Asker): Promise<void> {
  const { text } = await ask('GET', '/')
  for (const [, name] of text.matchAll(/(?:src|href)="([^"]+)"/g))
    await ask('GET', new URL(name ?? '', 'http://x/').pathname)
}

/** Writes and other requests that are refused, with secrets in them. */
async function failingWrites(ask: Asker, token: string, { source, destination }: Serving): Promise<void> {
  const registry = { type: 'docker-registry', url: source.url }
  const typed = { type: 'basic', username: 'ann', secret: SENT.typed }
  const ping = await ask('POST', '/api/registries/ping', token, { definition: registry, credential: typed })
  expect(JSON.parse(ping.text)).toMatchObject({ ok: false })
  const literal = { ...registry, credential: { type: 'basic', username: 'ann', password: SENT.literal } }
  const hooked = { ...registry, hook_secret: SENT.hook }
  const withUser = { ...registry, url: source.url.replace('//', `//ann:${SENT.userinfo}@`) }
  const proxied = { ...registry, proxy: `http://ann:${SENT.userinfo}@127.0.0.1:1` }
  for (const definition of [literal, hooked, withUser, proxied, { ...literal, pasword: SENT.literal }]) {
    await ask('POST', '/api/registries/ping', token, { definition })
    await ask('POST', '/api/registries?dry_run=true', token, { name: 'more', definition })
    await ask('POST', '/api/registries', token, { name: 'more', definition })
    await ask('PUT', '/api/registries/spare', token, { definition })
  }
  await ask('POST', '/api/registries', token, { name: 'more', definition: registry, credential: typed })
  await ask('PUT', '/api/registries/spare', token, { definition: registry, credential: { ...typed, kind: SENT.typed } })
  const plain = { source: 'from', destination: 'to/x' }
  const url = `${destination.url}/${SENT.webhook}`
  const policies = [
    { ...plain, notify: [{ on: ['failed'], webhook: url, secret: SENT.webhook, unknown: SENT.webhook }] },
    { ...plain, notify: [{ on: ['failed'], slack: `nonsense ${SENT.webhook}` }] },
    { ...plain, prepare: { handler: `ftp://${SENT.handler}@x/${SENT.handler}` } },
    { ...plain, source: `https://ann:${SENT.userinfo}@127.0.0.1/x` },
  ]
  for (const definition of policies) {
    await ask('POST', '/api/replication/policies?dry_run=true', token, { name: 'more', definition })
    await ask('POST', '/api/replication/policies', token, { name: 'more', definition })
    await ask('PUT', '/api/replication/policies/fails', token, { definition })
    await ask('POST', '/api/replication/policies/preview', token, definition)
  }
  const handler = { handler_url: `ftp://x/${SENT.handler}?key=${SENT.handler}` }
  await ask('POST', '/api/replication/policies/fails/handlers', token, handler)
  for (const path of ['/registries', '/replication/policies', '/replication/executions', '/session']) {
    await ask('POST', `/api${path}`, token, `{"password": "${SENT.body}", "url": "http://${SENT.body}`)
    await ask('POST', `/api${path}`, token, { name: 7, secret: SENT.body })
  }
}

/** Each must be refused. */
async function wrongTokens(ask: Asker, { source }: Serving): Promise<void> {
  expect((await ask('GET', '/api/session', SENT.bearer)).status).toBe(401)
  const signIn = { token: SENT.signIn }
  expect((await ask('POST', '/api/session', undefined, signIn, { 'x-replicate-page': '1' })).status).toBe(401)
  expect(
    (await ask('GET', '/api/session', undefined, undefined, { cookie: `replicate_session=${SENT.signIn}` })).status,
  ).toBe(401)
  await ask('GET', `/api/session?token=${SENT.bearer}`)
  const basic = Buffer.from(`puller:${SENT.bearer}`).toString('base64')
  await ask('GET', '/v2/', undefined, undefined, { authorization: `Basic ${basic}` })
  await ask(
    'POST',
    '/hooks/from',
    undefined,
    { at: source.url },
    { authorization: SENT.hook, 'x-hub-signature': SENT.hook },
  )
}

test('no secret is in anything that a daemon answers, says or keeps', async () => {
  const serves = await serving({ auth: { kind: 'basic', user: 'ann', password: CONFIGURED.FROM_PASSWORD } })
  serves.user.write('serve.yaml', yaml(serves))
  const daemon = await serves.start(['serve.yaml'], CONFIGURED)
  const found: Found = new Map()
  const ask = asker(daemon.url, found)
  const token = CONFIGURED.ADMIN_TOKEN
  const stream = await listened(daemon.url, token)

  for (const name of ['copy', 'fails']) {
    const { status } = await ask('POST', '/api/replication/executions', token, { policy_id: name })
    expect(status).toBe(201)
  }
  await ask('POST', '/api/session', undefined, { token: CONFIGURED.VIEWER_TOKEN }, { 'x-replicate-page': '1' })
  await failingWrites(ask, token, serves)
  await wrongTokens(ask, serves)
  await until('both executions have ended', async () => {
    const { text } = await ask('GET', '/api/replication/executions', token)
    const rows: readonly { readonly policy: string; readonly status: string }[] = JSON.parse(text)
    return ['copy', 'fails'].every((name) =>
      rows.some(({ policy, status }) => policy === name && ['succeeded', 'failed'].includes(status)),
    )
  })
  await walk(ask, token)
  await walk(ask, CONFIGURED.VIEWER_TOKEN)
  await pageFiles(ask)
  const puller = Buffer.from(`puller:${CONFIGURED.PULL_PASSWORD}`).toString('base64')
  const pulled = await ask('GET', '/v2/', undefined, undefined, { authorization: `Basic ${puller}` })
  expect(pulled.status).toBe(200)
  await ask('GET', '/v2/mirror/none/manifests/none', undefined, undefined, { authorization: `Basic ${puller}` })
  for (const path of ['/metrics', '/healthz', '/readyz']) await ask('GET', path, token)

  const running = files(serves.user.directory)
  stream.leave()
  daemon.kill('SIGTERM')
  const { stdout, stderr } = await daemon.ended
  const everything: Found = new Map([
    ...found,
    ['the stream of events', stream.heard()],
    ['standard output', stdout],
    ['standard error', stderr],
    ...running,
    ...[...files(serves.user.directory)].map(([place, text]) => [`${place}, after the end`, text] as const),
  ])
  expect([...found.keys()].filter((place) => place.endsWith(': 500'))).toEqual([])
  // What was written would rightly be in the file.
  const written = [...found.keys()].filter((place) =>
    /(POST|PUT) \/api\/(registries|replication\/policies).*: 20[01]$/.test(place),
  )
  expect(written.filter((place) => !/ping|preview/.test(place))).toEqual([])
  expect(stream.heard()).not.toBe('')
  expect([...running.keys()].some((place) => place.includes('-wal'))).toBe(true)
  expect(leaks(everything, { ...CONFIGURED, ...SENT })).toEqual([])
})

test('the token that a daemon makes is in its file alone', async () => {
  const serves = await serving()
  serves.user.write('serve.yaml', serves.yaml())
  const daemon = await serves.start()
  const token = readFileSync(join(serves.user.home, 'api-token'), 'utf8').trim()
  const found: Found = new Map()
  const ask = asker(daemon.url, found)
  await ask('POST', '/api/session', undefined, { token }, { 'x-replicate-page': '1' })
  await ask('GET', `/api/none?token=${token.slice(0, 4)}`, token)
  await walk(ask, token)
  await pageFiles(ask)
  const running = files(serves.user.directory)
  daemon.kill('SIGTERM')
  const { stdout, stderr } = await daemon.ended
  const kept = [...running, ...files(serves.user.directory)].filter(([place]) => basename(place) !== 'api-token')
  const everything: Found = new Map([...found, ...kept, ['standard output', stdout], ['standard error', stderr]])
  expect(leaks(everything, { made: token })).toEqual([])
})

test.each(Object.entries({ ...CONFIGURED, ...SENT }))('%s would be found in every shape', (name, secret) => {
  const shapes = [
    secret,
    `user:${secret}`,
    encodeURIComponent(secret),
    Buffer.from(`ann:${secret}`).toString('base64'),
    Buffer.from(`u:${secret};`).toString('base64url'),
    Buffer.from(secret).toString('base64'),
  ]
  for (const shape of shapes) expect(leaks(new Map([['here', shape]]), { [name]: secret }), shape).not.toEqual([])
})
