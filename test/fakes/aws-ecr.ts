/** The private ECR in memory: the registry of one account with passwords that expire, and its control API on the same address. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import {
  type Call,
  type LoggedRequest,
  type MemoryRegistry,
  type Reply,
  startMemoryRegistry,
} from '../support/memory-registry.ts'
import { Refusal, text } from '../support/memory-reply.ts'
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
  repositoryNamed,
  unknownRepository,
} from './aws-ecr-control.ts'
import type { AwsKey } from './aws-ecr-signature.ts'
import { createSwitches } from './switches.ts'

const TARGET = 'AmazonEC2ContainerRegistry_V20150921.'
const REGION = 'eu-west-1'

export interface EcrOptions {
  readonly key?: AwsKey
  /** Operations of the API, and actions of the registry such as `InitiateLayerUpload`, that the key may not use. */
  readonly denied?: readonly string[]
  /** The first page of every list is empty and says that there is more. */
  readonly emptyPage?: boolean
  /** The account has set BLOB_MOUNTING. */
  readonly mounting?: boolean
  /** By the service's clock, in milliseconds since 1970. */
  readonly now?: () => number
}

export interface FakeEcr extends AdapterUnderTest {
  readonly content: MemoryRegistry
  /** As they were created or described, by name. */
  readonly repositories: Map<string, Record<string, unknown>>
  /** How many passwords were given out. */
  signIns(): number
  requests(): readonly string[]
}

export async function startEcr(options: EcrOptions = {}): Promise<FakeEcr> {
  const { denied = [] } = options
  const switches = createSwitches()
  const repositories = new Map<string, Record<string, unknown>>()
  const passwords = new Map<string, 'valid' | 'expired'>()
  let looping = false

  /** Every request to the API has one path: its operation tells them apart. */
  const nameOf = ({ path, headers }: Pick<LoggedRequest, 'path' | 'headers'>): string =>
    path === '/' ? `/ ${headers['x-amz-target']?.slice(TARGET.length)}` : path
  const content = await startMemoryRegistry({
    authorize,
    intercept,
    location: 'absolute',
    redirectBlobs: true,
    mount: options.mounting ? 201 : 202,
    fault(entry) {
      const fault = switches.faultOf({ method: entry.method, path: nameOf(entry) })
      if (fault) return fault
      const pushed = /^\/v2\/(.+)\/blobs\/uploads\//.exec(entry.path)?.[1]
      const isMissing = pushed !== undefined && entry.method === 'POST' && !content.repositories.has(pushed)
      return isMissing ? { reset: true } : undefined
    },
  })

  function authorize(call: Call): void {
    const [scheme, password = ''] = (call.headers.authorization ?? '').split(' ')
    if (scheme !== 'Basic') throw new NotAuthorized(call)
    const state = passwords.get(password)
    if (state === undefined) throw new Refusal(400, 'DENIED', 'Your Authorization Token is invalid.')
    if (state === 'expired') {
      throw new Refusal(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.')
    }
    const action = actionOf(call)
    if (denied.includes(action)) throw new Refusal(403, 'DENIED', deniedWords('ecr', action))
  }

  async function intercept(call: Call): Promise<Reply | undefined> {
    const control = await answerControl(call, {
      service: 'ecr',
      region: REGION,
      target: TARGET,
      denied,
      operations,
      ...(options.key ? { key: options.key } : {}),
      ...(options.now ? { now: options.now } : {}),
    })
    if (control) return control
    if (call.url.pathname.startsWith('/v2/')) authorize(call)
    const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/([^/:]+)$/.exec(call.url.pathname) ?? []
    const isTaken = content.repositories.get(repository)?.tags.has(tag)
    if (call.method === 'PUT' && isTaken && repositories.get(repository)?.imageTagMutability === 'IMMUTABLE') {
      const why = `The image tag '${tag}' already exists in the '${repository}' repository and cannot be overwritten because the tag is immutable.`
      throw new Refusal(400, 'TAG_INVALID', why)
    }
    const listed = /^\/v2\/(.+)\/tags\/list$/.exec(call.url.pathname)?.[1]
    return listed === undefined ? undefined : tagsList(call, listed)
  }

  /** Unsorted, as text, and the next page by a token. */
  function tagsList(call: Call, name: string): Reply {
    const repository = content.repositories.get(name)
    if (!repository) throw new Refusal(404, 'NAME_UNKNOWN', unknownRepository(name).message)
    const query = call.url.searchParams
    try {
      const asked = { maxResults: query.get('n') ?? 100, nextToken: query.get('last') ?? undefined }
      const { items, nextToken } = pageOf([...repository.tags.keys()].reverse(), asked)
      const next = `${content.url}${call.url.pathname}?last=${encodeURIComponent(nextToken ?? '')}&n=${asked.maxResults}`
      const link: Record<string, string> = nextToken === undefined ? {} : { link: `<${next}>; rel="next"` }
      return text(200, JSON.stringify({ name, tags: items }), link)
    } catch (error) {
      if (error instanceof AwsError) throw new Refusal(405, 'UNSUPPORTED', error.message)
      throw error
    }
  }

  const page = <T>(all: readonly T[], input: Input) =>
    pageOf(all, input, { loop: looping, empty: options.emptyPage === true })

  const described = (name: string) => ({
    registryId: ACCOUNT,
    repositoryName: name,
    repositoryUri: `${content.host}/${name}`,
    createdAt: 1_700_000_000.123,
    imageTagMutability: 'MUTABLE',
    ...repositories.get(name),
  })

  const operations = {
    GetAuthorizationToken() {
      const token = Buffer.from(`AWS:${'x'.repeat(1800)}.${passwords.size}`).toString('base64')
      passwords.set(token, 'valid')
      const expiresAt = (options.now ?? Date.now)() / 1000 + 12 * 3600
      return { authorizationData: [{ authorizationToken: token, expiresAt, proxyEndpoint: content.url }] }
    },
    DescribeRepositories(input: Input) {
      const names = input.repositoryNames as readonly string[] | undefined
      for (const name of names ?? []) if (!content.repositories.has(name)) throw unknownRepository(name)
      if (names) return { repositories: names.map(described) }
      const { items, nextToken } = page([...content.repositories.keys()], input)
      return { repositories: items.map(described), nextToken }
    },
    CreateRepository(input: Input) {
      const name = String(input.repositoryName)
      if (!/^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name) || name.length < 2) {
        throw new AwsError('InvalidParameterException', `Invalid parameter at 'repositoryName' failed to satisfy`)
      }
      if (content.repositories.has(name)) {
        throw new AwsError(
          'RepositoryAlreadyExistsException',
          `The repository with name '${name}' already exists in the registry with id '${ACCOUNT}'`,
        )
      }
      content.repository(name)
      repositories.set(name, { ...input })
      return { repository: described(name) }
    },
    DescribeImages(input: Input) {
      const all = imageDetails(repositoryNamed(content, input))
      const status = (input.filter as { tagStatus?: string } | undefined)?.tagStatus ?? 'ANY'
      const wanted = all.filter(({ imageTags }) => status === 'ANY' || (status === 'TAGGED') === Boolean(imageTags))
      const { items, nextToken } = page(wanted, input)
      return { imageDetails: items, nextToken }
    },
    BatchDeleteImage: (input: Input) => batchDelete(repositoryNamed(content, input), input),
  }

  return {
    content,
    repositories,
    signIns: () => passwords.size,
    registry: {
      name: 'it',
      type: 'aws-ecr',
      url: content.url,
      options: { endpoint: content.url, region: REGION },
      credential: { type: 'access_key', username: AWS_KEY.id, password: AWS_KEY.secret },
    },
    env: {},
    namespace: 'team',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map((entry) => `${entry.method} ${nameOf(entry)}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      for (const password of passwords.keys()) passwords.set(password, 'expired')
    },
    close: () => content.close(),
  }
}

/** What the registry asks IAM for. */
function actionOf({ method, url }: Call): string {
  const path = url.pathname
  if (/\/tags\/list$/.test(path)) return 'ListImages'
  if (/\/manifests\//.test(path)) return method === 'PUT' ? 'PutImage' : 'BatchGetImage'
  if (/\/blobs\/uploads\//.test(path)) return method === 'POST' ? 'InitiateLayerUpload' : 'UploadLayerPart'
  if (/\/blobs\//.test(path)) return method === 'HEAD' ? 'BatchCheckLayerAvailability' : 'GetDownloadUrlForLayer'
  return 'GetAuthorizationToken'
}

class NotAuthorized extends Refusal {
  override readonly reply: Reply
  constructor(call: Call) {
    super(401, 'UNAUTHORIZED', 'Not Authorized')
    const challenge = `Basic realm="${call.state.url}/",service="ecr.amazonaws.com"`
    this.reply = text(401, 'Not Authorized\n', { 'www-authenticate': challenge })
  }
}
