/** IBM Cloud Container Registry in memory, with IAM: an API key for tokens, and of the API namespaces and images by digest.
 *
 *  https://cloud.ibm.com/apidocs/container-registry */

import { createHmac, randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const IBM_KEY = 'api-key-of-a-service-id'
const ACCOUNT = 'a1b2c3d4e5f60718293a4b5c6d7e8f90'

export interface IbmOptions {
  /** The API names repositories without the registry before them. */
  readonly short?: boolean
  /** The key may not look at images, or not create namespaces. */
  readonly denied?: readonly ('images' | 'namespaces')[]
  /** The token does not say whose it is. */
  readonly unnamed?: boolean
}

export interface FakeIbm extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly namespaces: Set<string>
}

export async function startIbm(options: IbmOptions = {}): Promise<FakeIbm> {
  const { denied = [] } = options
  const switches = createSwitches()
  const namespaces = new Set(['contract'])
  const secret = randomBytes(32)
  let tokens = new Map<string, number>()
  let looping = false
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', user: 'iamapikey', password: IBM_KEY },
    catalog: false,
    pageSize: 2,
    fault: switches.faultOf,
    get link() {
      return looping ? ('loop' as const) : ('relative' as const)
    },
    async intercept(call) {
      const { pathname } = call.url
      if (pathname === '/identity/token') return token(call)
      if (pathname.startsWith('/api/v1/')) return api(call)
      const [, namespace] = /^\/v2\/([^/]+)\/.+\/(?:blobs|manifests|tags|referrers)\//.exec(pathname) ?? []
      if (namespace !== undefined && !namespaces.has(namespace)) {
        throw new Refusal(403, 'DENIED', 'You are not authorized to access the specified resource.')
      }
      return undefined
    },
  })

  async function token(call: Call): Promise<Reply> {
    const form = new URLSearchParams((await bodyOf(call)).toString())
    const isForm = call.headers['content-type'] === 'application/x-www-form-urlencoded'
    const isRight =
      form.get('grant_type') === 'urn:ibm:params:oauth:grant-type:apikey' && form.get('apikey') === IBM_KEY
    if (!isForm || !isRight) {
      return json(400, { errorCode: 'BXNIM0415E', errorMessage: 'Provided API key could not be found.' })
    }
    const claims = { iam_id: 'iam-ServiceId-1', ...(options.unnamed ? {} : { account: { valid: true, bss: ACCOUNT } }) }
    const parts = [{ alg: 'HS256' }, { ...claims, jti: randomBytes(8).toString('hex') }].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    const access_token = `${parts.join('.')}.${createHmac('sha256', secret).update(parts.join('.')).digest('base64url')}`
    tokens.set(access_token, Date.now() + 3600_000)
    return json(200, { access_token, token_type: 'Bearer', expires_in: 3600 })
  }

  async function api(call: Call): Promise<Reply> {
    const { method, url, headers } = call
    const given = (headers.authorization ?? '').replace(/^Bearer /, '')
    if ((tokens.get(given) ?? 0) < Date.now()) return refused(401, 'CRN0001E', 'The token is not valid.')
    if (headers.account !== ACCOUNT) return refused(400, 'CRN0002E', 'The header Account is missing or wrong.')
    const path = url.pathname.slice('/api/v1/'.length)
    if (method === 'GET' && path === 'namespaces') return json(200, [...namespaces])
    if (method === 'PUT' && path.startsWith('namespaces/')) {
      const name = decodeURIComponent(path.slice('namespaces/'.length))
      if (denied.includes('namespaces')) return refused(403, 'CRN0020E', 'You are not authorized.')
      if (namespaces.has(name)) return refused(409, 'CRN0021E', 'The namespace exists already.')
      namespaces.add(name)
      return json(201, { namespace: name })
    }
    if (method === 'POST' && path === 'images/digests') {
      if (denied.includes('images')) return refused(403, 'CRN0020E', 'You are not authorized.')
      if (headers['content-type'] !== 'application/json') return refused(415, 'CRN0003E', 'JSON is needed.')
      const { repositories = [] } = JSON.parse((await bodyOf(call)).toString()) as {
        readonly repositories?: readonly string[]
      }
      return json(200, images(repositories))
    }
    return refused(404, 'CRN0004E', 'not found')
  }

  function images(wanted: readonly string[]) {
    return [...content.repositories].flatMap(([repository, { tags, manifests }]) => {
      const name = options.short ? repository : `${content.host}/${repository}`
      if (wanted.length > 0 && !wanted.includes(name)) return []
      return [...manifests.keys()].map((digest) => ({
        id: digest,
        manifestType: 'OCI Image Manifest v1',
        repoTags: {
          [name]: Object.fromEntries([...tags].filter(([, at]) => at === digest).map(([tag]) => [tag, {}])),
        },
        created: 1_700_000_000,
        size: 77,
      }))
    })
  }

  return {
    content,
    namespaces,
    registry: { name: 'it', type: 'ibm-icr', url: content.url, options: { iam_url: content.url } },
    env: { REPLICATE_IT_TOKEN: IBM_KEY },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      tokens = new Map()
      content.revokeTokens()
    },
    close: () => content.close(),
  }
}

function refused(status: number, code: string, message: string): Reply {
  return json(status, { code, message, 'request-id': '1' })
}

async function bodyOf(call: Call): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of call.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
