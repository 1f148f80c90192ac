/** The public ECR in memory: anonymous access pulls with a bearer token, an account pushes below its alias, and the API knows that account only. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import {
  type Call,
  type LoggedRequest,
  type MemoryRegistry,
  type Reply,
  startMemoryRegistry,
} from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import {
  ACCOUNT,
  AWS_KEY,
  AwsError,
  answerControl,
  batchDelete,
  deniedWords,
  type Input,
  imageDetails,
  pageOf,
} from './aws-ecr-control.ts'
import { createSwitches } from './switches.ts'

const TARGET = 'SpencerFrontendService.'
export const ALIAS = 'a1b2c3d4'

export interface EcrPublicOptions {
  /** Operations of the API that the key may not use. */
  readonly denied?: readonly string[]
}

export interface FakeEcrPublic extends AdapterUnderTest {
  /** Its repositories by their whole name, with the alias. */
  readonly content: MemoryRegistry
  /** As they were created, by the name that the API knows. */
  readonly created: Map<string, Input>
  /** Of every token that was given out: the scopes, and whether somebody had signed in. */
  readonly tokens: readonly { readonly scopes: readonly string[]; readonly isSigned: boolean }[]
  requests(): readonly string[]
}

export async function startEcrPublic({ denied = [] }: EcrPublicOptions = {}): Promise<FakeEcrPublic> {
  const switches = createSwitches()
  const created = new Map<string, Input>()
  const passwords = new Set<string>()
  const valid = new Map<string, { readonly scopes: readonly string[]; readonly isSigned: boolean }>()
  const tokens: { readonly scopes: readonly string[]; readonly isSigned: boolean }[] = []
  let looping = false

  /** Every request to the API has one path: its operation tells them apart. */
  const nameOf = ({ path, headers }: Pick<LoggedRequest, 'path' | 'headers'>): string =>
    path === '/' ? `/ ${headers['x-amz-target']?.slice(TARGET.length)}` : path
  const content = await startMemoryRegistry({
    authorize,
    intercept,
    catalog: 401,
    location: 'absolute',
    redirectBlobs: true,
    mount: 202,
    fault(entry) {
      const fault = switches.faultOf({ method: entry.method, path: nameOf(entry) })
      if (fault) return fault
      const pushed = /^\/v2\/(.+)\/blobs\/uploads\//.exec(entry.path)?.[1]
      const isMissing = pushed !== undefined && entry.method === 'POST' && !content.repositories.has(pushed)
      return isMissing ? { reset: true } : undefined
    },
  })

  /** Without a token a challenge; with one that is no more good a bad request, and no challenge. */
  function authorize(call: Call): void {
    const header = call.headers.authorization
    if (header === undefined) {
      const challenge = `Bearer realm="${content.url}/token/",service="public.ecr.aws",scope="aws"`
      throw new Refusal(401, 'DENIED', 'Not Authorized', { headers: { 'www-authenticate': challenge } })
    }
    const token = /^Bearer (.+)$/.exec(header)?.[1]
    const found = token === undefined ? undefined : valid.get(token)
    if (!found) throw new Refusal(400, 'DENIED', 'Your Authorization Token is invalid.')
    for (const needed of neededScopes(call)) {
      const [, name = '', actions = ''] = needed.split(':')
      const mayPush = found.isSigned && name.startsWith(`${ALIAS}/`)
      const asked = found.scopes.find((scope) => scope.startsWith(`repository:${name}:`)) ?? ''
      if (!actions.split(',').every((action) => asked.slice(asked.lastIndexOf(':')).includes(action))) {
        throw new Refusal(403, 'DENIED', `the token is not for ${needed}`)
      }
      if (actions !== 'pull' && !mayPush) {
        throw new Refusal(403, 'DENIED', deniedWords('ecr-public', 'InitiateLayerUpload'))
      }
    }
  }

  function issueToken(call: Call): Reply {
    const { authorization } = call.headers
    const isSigned = authorization !== undefined
    if (isSigned && !passwords.has(authorization.replace(/^Basic /, ''))) {
      throw new Refusal(400, 'DENIED', 'Your Authorization Token is invalid.')
    }
    if (call.url.searchParams.get('service') !== 'public.ecr.aws') throw new Refusal(400, 'DENIED', 'unknown service')
    const scopes = call.url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    const token = `bearer-${valid.size}-${Math.random()}`
    valid.set(token, { scopes, isSigned })
    tokens.push({ scopes, isSigned })
    return json(200, { token })
  }

  async function intercept(call: Call): Promise<Reply | undefined> {
    if (call.url.pathname === '/token/') return issueToken(call)
    return answerControl(call, { service: 'ecr-public', region: 'us-east-1', target: TARGET, denied, operations })
  }

  /** What the API calls a repository has no alias. */
  function repositoryOf(input: Input) {
    const found = content.repositories.get(`${ALIAS}/${input.repositoryName}`)
    if (found) return found
    const words = `The repository with name '${input.repositoryName}' does not exist in the registry with id '${ACCOUNT}'`
    throw new AwsError('RepositoryNotFoundException', words)
  }

  const own = (): readonly string[] =>
    [...content.repositories.keys()].flatMap((name) =>
      name.startsWith(`${ALIAS}/`) ? [name.slice(ALIAS.length + 1)] : [],
    )

  const operations = {
    GetAuthorizationToken() {
      const authorizationToken = Buffer.from(`AWS:public-${passwords.size}`).toString('base64')
      passwords.add(authorizationToken)
      return { authorizationData: { authorizationToken, expiresAt: Date.now() / 1000 + 12 * 3600 } }
    },
    DescribeRegistries: () => ({
      registries: [
        {
          registryId: ACCOUNT,
          registryUri: `public.ecr.aws/${ALIAS}`,
          verified: false,
          aliases: [{ name: ALIAS, status: 'ACTIVE', primaryRegistryAlias: true, defaultRegistryAlias: true }],
        },
      ],
    }),
    DescribeRepositories(input: Input) {
      const names = input.repositoryNames as readonly string[] | undefined
      for (const repositoryName of names ?? []) repositoryOf({ repositoryName })
      const { items, nextToken } = pageOf(names ?? own(), input)
      return { repositories: items.map((repositoryName) => ({ repositoryName, registryId: ACCOUNT })), nextToken }
    },
    CreateRepository(input: Input) {
      const name = `${ALIAS}/${input.repositoryName}`
      if (content.repositories.has(name)) throw new AwsError('RepositoryAlreadyExistsException', 'it is there')
      content.repository(name)
      created.set(String(input.repositoryName), input)
      return { repository: { repositoryName: input.repositoryName } }
    },
    DescribeImages(input: Input) {
      const { items, nextToken } = pageOf(imageDetails(repositoryOf(input)), input, { loop: looping })
      return { imageDetails: items, nextToken }
    },
    BatchDeleteImage: (input: Input) => batchDelete(repositoryOf(input), input),
  }

  return {
    content,
    created,
    tokens,
    registry: {
      name: 'it',
      type: 'aws-ecr-public',
      url: content.url,
      options: { endpoint: content.url },
      credential: { type: 'access_key', username: AWS_KEY.id, password: AWS_KEY.secret },
    },
    env: {},
    namespace: ALIAS,
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map((entry) => `${entry.method} ${nameOf(entry)}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => valid.clear(),
    close: () => content.close(),
  }
}
