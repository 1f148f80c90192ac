/** Signing in: Basic and bearer challenges, tokens and their renewal, and what each failure says. */

import { expect, test } from 'vitest'
import { CredentialError, NetworkError, RegistryError } from '../../../src/core/errors.ts'
import type { Credential, SentCredential } from '../../../src/core/registry.ts'
import { alice, client, context, failure, fastClock, json, read, serve, type TestServer } from '../server.ts'

const BASIC = `Basic ${Buffer.from('alice:pa:ss/word').toString('base64')}`
const PULL = ['repository:a/b:pull']

test('sends Basic once the registry has asked for it, then on every request', async () => {
  const server = await serve((request, response) => {
    if (request.headers.authorization === BASIC) return json(response, 200, {})
    return json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
  })
  const http = client(server, { as: alice })
  for (let round = 0; round < 2; round += 1) {
    await (await http.request({ method: 'GET', url: '/v2/' }, context())).discard()
  }
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, BASIC, BASIC])
})

test('a wrong password is tried once and named as such, without the password', async () => {
  const server = await serve((_, response) => json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' }))
  const error = await failure(client(server, { as: alice }).request({ method: 'GET', url: '/v2/' }, context()))
  expect(error).toBeInstanceOf(CredentialError)
  expect(error).toMatchObject({ message: `${server.host} refused alice (from the file): 401` })
  expect(server.seen).toHaveLength(2)
})

test('says how to give a credential where there is none', async () => {
  const server = await serve((_, response) => json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' }))
  const http = client(server, { name: 'my-registry' })
  expect(await failure(http.request({ method: 'GET', url: '/v2/' }, context()))).toMatchObject({
    message: `${server.host} needs a credential for GET /v2/ (401)`,
    hint: `set REPLICATE_MY_REGISTRY_USERNAME and REPLICATE_MY_REGISTRY_PASSWORD, or \`credential:\` in the file, or run \`replicate credentials set my-registry\` or \`docker login ${server.host}\``,
  })
})

test('fetches one token for many requests, by GET with Basic, and sends it beforehand afterwards', async () => {
  const { registry, tokens } = await bearer()
  const http = client(registry, { as: alice })
  const get = async () => (await http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  await Promise.all([get(), get(), get()])
  await get()
  expect(tokens.seen).toHaveLength(1)
  const url = new URL(tokens.seen[0]?.url ?? '', tokens.url)
  expect(url.searchParams.getAll('scope')).toEqual(PULL)
  expect(url.searchParams.get('service')).toBe('a, b')
  expect(url.searchParams.get('account')).toBe('alice')
  expect(url.searchParams.get('keep')).toBe('1')
  expect(tokens.seen[0]?.headers.authorization).toBe(BASIC)
  expect(registry.seen.at(-1)?.headers.authorization).toBe('Bearer token-1')
  expect(registry.seen).toHaveLength(7)
})

test('asks for an anonymous token without a credential', async () => {
  const { registry, tokens } = await bearer()
  await (await client(registry).request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  expect(tokens.seen[0]?.headers.authorization).toBeUndefined()
})

test('has a token for each set of scopes, whatever their order, and takes scopes that the registry demands', async () => {
  const { registry, tokens } = await bearer({ demanded: 'repository:c:pull,push' })
  const http = client(registry)
  const get = async (scopes: string[]) =>
    (await http.request({ method: 'GET', url: '/v2/x', scopes }, context())).discard()
  await get(['repository:a:pull', 'repository:c:push,pull'])
  await get(['repository:c:push,pull', 'repository:a:pull'])
  await get(['repository:c:pull'])
  const scopes = tokens.seen.map(({ url }) => new URL(url, tokens.url).searchParams.getAll('scope'))
  expect(scopes[0]).toEqual(['repository:a:pull', 'repository:c:push,pull'])
  expect(scopes).toHaveLength(2)
})

test('renews before a token runs out: at nine tenths of its life, a short or absent one counting as a minute', async () => {
  for (const [expires_in, life] of [
    [300, 300],
    [5, 60],
    [undefined, 60],
  ]) {
    const { registry, tokens } = await bearer({ answer: (count) => ({ token: `token-${count}`, expires_in }) })
    const clock = fastClock()
    const http = client(registry, { clock })
    const get = async () => (await http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
    await get()
    await clock.sleep((life ?? 0) * 890, new AbortController().signal)
    await get()
    expect(tokens.seen).toHaveLength(1)
    await clock.sleep((life ?? 0) * 20, new AbortController().signal)
    await get()
    expect(tokens.seen).toHaveLength(2)
  }
})

test('renews a refused token once, by the first challenge, even where the refusal names another or none', async () => {
  for (const challenge of ['Basic realm="x"', '', undefined]) {
    const { registry, tokens } = await bearer({ refuseFirst: 'token-1', challenge })
    const http = client(registry, { as: alice })
    const get = async () => (await http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
    const probe = http.request({ method: 'GET', url: '/v2/', scopes: PULL }, context())
    await (await probe).discard()
    await get()
    expect(tokens.seen).toHaveLength(2)
    expect(registry.seen.at(-1)?.headers.authorization).toBe('Bearer token-2')
  }
})

test('a second 401 is final', async () => {
  const { registry, tokens } = await bearer({ refuseAll: true })
  const http = client(registry, { as: alice })
  const error = await failure(http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context()))
  expect(error).toBeInstanceOf(CredentialError)
  expect(error).toMatchObject({ message: `alice (from the file) may not pull from ${registry.host}/a/b (401)` })
  expect(tokens.seen).toHaveLength(1)
  expect(registry.seen).toHaveLength(2)
})

test('a token that runs out while its request waits for its turn is fetched anew, not refused for good', async () => {
  const clock = fastClock()
  const issued = new Map<string, number>()
  const tokens = await serve((_, response, count) => {
    issued.set(`Bearer token-${count}`, clock.monotonic())
    json(response, 200, { token: `token-${count}`, expires_in: 300 })
  })
  // Half a second old is too old, whatever the token server says.
  const registry = await serve((request, response) => {
    const at = issued.get(request.headers.authorization ?? '') ?? Number.NEGATIVE_INFINITY
    if (clock.monotonic() - at <= 500) return json(response, 200, {})
    return json(response, 401, {}, { 'www-authenticate': `Bearer realm="${tokens.url}/token"` })
  })
  const http = client(registry, { as: alice, clock, limits: { requests_per_second: 1 } })
  const get = async () => (await http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  await Promise.all(Array.from({ length: 8 }, get))
  expect(registry.seen.length).toBeLessThanOrEqual(3 * 8)
})

test('a sign-in that failed is tried again, by the request itself and by the next one', async () => {
  const { registry } = await bearer({})
  let asked = 0
  const credential = async (): Promise<SentCredential> => {
    asked += 1
    if (asked <= 6) throw new NetworkError('the token service of the cloud did not answer')
    return alice
  }
  const http = client(registry, { credential })
  const get = async () => (await http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  expect(await failure(get())).toBeInstanceOf(NetworkError)
  expect(asked).toBe(5)
  await get()
  expect(asked).toBe(7)
})

test('takes the token that is not empty', async () => {
  const { registry } = await bearer({ answer: () => ({ access_token: '', token: 'token-1' }) })
  await (await client(registry).request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  expect(registry.seen.at(-1)?.headers.authorization).toBe('Bearer token-1')
})

test('exchanges an identity token by POST, or uses it by GET where the server knows no POST', async () => {
  const identity: Credential = { kind: 'identity', token: 'refresh-me', origin: 'the file' }
  for (const status of [200, 400, 404, 405, 406, 415, 501]) {
    const { registry, tokens, forms } = await bearer({ post: status })
    await (
      await client(registry, { as: identity }).request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())
    ).discard()
    const form = new URLSearchParams(forms[0])
    expect(Object.fromEntries(form)).toEqual({
      grant_type: 'refresh_token',
      client_id: 'replicate',
      service: 'a, b',
      scope: 'repository:a/b:pull',
      refresh_token: 'refresh-me',
    })
    expect(tokens.seen.map(({ method }) => method)).toEqual(status === 200 ? ['POST'] : ['POST', 'GET'])
  }
})

test('sends a ready token as it is, and fails at once where it is refused', async () => {
  const { registry, tokens } = await bearer({ refuseAll: true })
  const http = client(registry, { as: { kind: 'bearer', token: 'ready', origin: 'REPLICATE_X_TOKEN' } })
  expect(await failure(http.request({ method: 'GET', url: '/v2/x' }, context()))).toMatchObject({
    message: `${registry.host} refused the token (from REPLICATE_X_TOKEN): 401`,
  })
  expect(registry.seen).toHaveLength(1)
  expect(registry.seen[0]?.headers.authorization).toBe('Bearer ready')
  expect(tokens.seen).toHaveLength(0)
})

test('says that the token server refused, and never sends a password twice', async () => {
  const { registry, tokens } = await bearer({ status: 401 })
  const http = client(registry, { as: alice })
  const error = await failure(http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context()))
  expect(error).toBeInstanceOf(CredentialError)
  expect(String(error)).toContain(`the token server ${tokens.host} refused alice (from the file)`)
  expect(tokens.seen).toHaveLength(1)
})

test('tries a token server again that is overloaded', async () => {
  const { registry, tokens } = await bearer({ status: 503, times: 2 })
  await (await client(registry).request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  expect(tokens.seen).toHaveLength(3)
})

test('a missing permission is no wrong password', async () => {
  const server = await serve((request, response) => {
    if (request.headers.authorization) return json(response, 403, { errors: [{ code: 'DENIED', message: 'no' }] })
    return json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
  })
  const error = await failure(
    client(server, { as: alice }).request({ method: 'GET', url: '/v2/', scopes: PULL }, context()),
  )
  expect(error).toBeInstanceOf(RegistryError)
  expect(error).toMatchObject({
    message: '403 DENIED (no)',
    hint: `alice (from the file) may not pull from ${server.host}/a/b`,
  })
})

test('a token server that one repository names, and that gives no token, is not asked for another repository', async () => {
  let dead = ''
  const server = await serve((request, response) => {
    if (request.url?.startsWith('/token')) return json(response, 404, {})
    if (request.url?.startsWith('/v2/bad')) {
      return json(response, 401, {}, { 'www-authenticate': `Bearer realm="${dead}",service="x"` })
    }
    return json(response, 200, {})
  })
  dead = `${server.url}/token`
  const http = client(server, { as: alice })
  for (let round = 0; round < 2; round += 1) {
    const refused = http.request({ method: 'GET', url: '/v2/bad', scopes: ['repository:bad:pull'] }, context())
    expect(await failure(refused)).toBeInstanceOf(CredentialError)
    await (
      await http.request({ method: 'GET', url: '/v2/good', scopes: ['repository:good:pull'] }, context())
    ).discard()
  }
  const asked = server.seen.map(({ url }) => url ?? '').filter((url) => url.includes('good'))
  expect(asked).toEqual(['/v2/good', '/v2/good'])
})

test('a redirect of the token server is not followed', async () => {
  const stranger = await serve((_, response) => json(response, 200, { token: 'token-1' }))
  const { registry, tokens } = await bearer({ redirect: `${stranger.url}/token` })
  const http = client(registry, { as: alice })
  const error = await failure(http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context()))
  expect(error).toBeInstanceOf(CredentialError)
  expect(String(error)).toContain(
    `no token from the token server ${tokens.host}: 302 Found, a redirect to ${stranger.url}`,
  )
  expect(stranger.seen).toEqual([])
})

test.each([400, 404, 405, 501])(
  'a token server that answers %i is named, as it says nothing of the registry',
  async (status) => {
    const { registry, tokens } = await bearer({ status })
    const error = await failure(
      client(registry, { as: alice }).request({ method: 'GET', url: '/v2/x', scopes: PULL }, context()),
    )
    expect(error).toBeInstanceOf(CredentialError)
    expect(error).toMatchObject({
      message: expect.stringContaining(`no token from the token server ${tokens.host}: ${status} `),
      hint: expect.stringContaining(`${tokens.url}/token`),
    })
  },
)

test.each(['<html>', '[]', '{"token": 5}', '{"token": {"a": 1}}', 'null'])('nor is %s a token', async (body) => {
  const tokens = await serve((_, response) => response.end(body))
  const challenge = { 'www-authenticate': `Bearer realm="${tokens.url}/token"` }
  const registry = await serve((_, response) => json(response, 401, {}, challenge))
  const error = await failure(client(registry).request({ method: 'GET', url: '/v2/x', scopes: PULL }, context()))
  expect(error).toBeInstanceOf(CredentialError)
  expect(String(error)).toContain(tokens.host)
})

test('every secret is made known before it is used', async () => {
  const secrets: string[] = []
  const { registry } = await bearer()
  const http = client(registry, { as: alice, secrets: (secret) => secrets.push(secret) })
  await (await http.request({ method: 'GET', url: '/v2/x', scopes: PULL }, context())).discard()
  expect(secrets).toEqual(['pa:ss/word', BASIC.slice('Basic '.length), 'token-1'])
})

test('a request body is sent again after a 401', async () => {
  const bodies: string[] = []
  const server = await serve((request, response) => {
    read(request).then((bytes) => {
      bodies.push(bytes.toString())
      if (request.headers.authorization) json(response, 201, {})
      else json(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
    })
  })
  const open = async () =>
    (async function* () {
      yield Buffer.from('abc')
    })()
  const response = await client(server, { as: alice }).request(
    { method: 'PUT', url: '/u', body: { size: 3, open } },
    context(),
  )
  await response.discard()
  expect(bodies).toEqual(['abc', 'abc'])
})

interface BearerOptions {
  readonly answer?: (count: number) => unknown
  /** The scope in the registry's challenge. */
  readonly demanded?: string
  /** This token is refused, with `challenge`. */
  readonly refuseFirst?: string
  readonly challenge?: string | undefined
  readonly refuseAll?: boolean
  /** The status of POST at the token server. */
  readonly post?: number
  /** The status of the token server, the first `times`. */
  readonly status?: number
  readonly times?: number
  readonly redirect?: string
}

/** A registry that wants tokens `token-N`, and its token server on another port. */
async function bearer(
  options: BearerOptions = {},
): Promise<{ registry: TestServer; tokens: TestServer; forms: string[] }> {
  const forms: string[] = []
  const tokens = await serve((request, response, count) => {
    read(request).then((bytes) => {
      if (request.method === 'POST') {
        forms.push(bytes.toString())
        if (options.post !== 200) return json(response, options.post ?? 405, {})
      }
      if (options.redirect) return response.writeHead(302, { location: options.redirect }).end()
      if (options.status && count < (options.times ?? 9)) return json(response, options.status, { details: 'no' })
      return json(response, 200, options.answer?.(count + 1) ?? { token: `token-${count + 1}`, expires_in: 300 })
    })
  })
  const registry = await serve((request, response) => {
    const sent = request.headers.authorization ?? ''
    if (sent === `Bearer ${options.refuseFirst}` && request.url === '/v2/x') {
      return json(response, 401, {}, options.challenge === undefined ? {} : { 'www-authenticate': options.challenge })
    }
    if (/^Bearer token-\d+$/.test(sent) && !options.refuseAll) return json(response, 200, {})
    const scope = options.demanded ? `,scope="${options.demanded}"` : ''
    return json(
      response,
      401,
      {},
      { 'www-authenticate': `Negotiate, bearer Realm="${tokens.url}/token?keep=1",service="a, b"${scope}` },
    )
  })
  return { registry, tokens, forms }
}
