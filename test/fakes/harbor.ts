/** Harbor 2 in memory: its registry, its token service and its API on one address, as a real 2.15 was seen to answer. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { basic } from '../support/seed.ts'
import { answerApi } from './harbor-api.ts'
import { type HarborState, signedIn } from './harbor-state.ts'
import { allow, answerV2, issueToken } from './harbor-v2.ts'
import { createSwitches } from './switches.ts'

export const FAKE_ADMIN = { user: 'admin', password: 'Harbor12345' } as const

export interface FakeHarbor extends AdapterUnderTest {
  readonly url: string
  readonly host: string
  readonly content: MemoryRegistry
  /** As the admin, below `/api/v2.0`; the answer's JSON. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
}

/** `version: 1`: there is no `/api/v2.0`. */
export async function startFakeHarbor({ version = 2 } = {}): Promise<FakeHarbor> {
  const switches = createSwitches()
  let numbers = 0
  const content = await startMemoryRegistry({
    location: 'absolute',
    pageSize: 1_000_000,
    headers: { 'set-cookie': 'sid=1234; Path=/; HttpOnly' },
    fault: switches.faultOf,
    authorize: (call) => allow(call, state),
    intercept(call) {
      const { pathname } = call.url
      if (pathname === '/service/token') return issueToken(call, state)
      if (version === 1 && pathname === '/api/systeminfo') return JSON_INFO
      if (version === 1 && pathname.startsWith('/api/')) return { status: 404 }
      if (pathname.startsWith('/api/')) return answerApi(call, signedIn(state, call.headers.authorization), state)
      return pathname.startsWith('/v2/') ? answerV2(call, state) : undefined
    },
  })
  const state: HarborState = {
    content,
    projects: new Map(),
    accounts: new Map([['admin', { name: FAKE_ADMIN.user, password: FAKE_ADMIN.password, kind: 'user', admin: true }]]),
    labels: [],
    attached: new Map(),
    artifacts: new Map(),
    tokens: new Map(),
    readOnly: false,
    looping: false,
    next() {
      numbers += 1
      return numbers
    },
  }

  async function api(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${content.url}/api/v2.0${path}`, {
      method,
      headers: { authorization: basic(FAKE_ADMIN.user, FAKE_ADMIN.password), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`)
    return answer === '' ? undefined : JSON.parse(answer)
  }

  if (version === 2) await api('POST', '/projects', { project_name: 'contract', metadata: { public: 'false' } })
  return {
    url: content.url,
    host: content.host,
    content,
    api,
    registry: { name: 'it', type: 'harbor', url: content.url },
    env: { REPLICATE_IT_USERNAME: FAKE_ADMIN.user, REPLICATE_IT_PASSWORD: FAKE_ADMIN.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      state.looping = on
    },
    expire: () => state.tokens.clear(),
    close: () => content.close(),
  }
}

const JSON_INFO = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"auth_mode":"db_auth","harbor_version":"v1.10.19"}'),
}
