/** The control API of ECR in memory, as far as both kinds have it in common: signatures, errors, pages, images. */

import type { Digest } from '../../src/core/descriptor.ts'
import { DOCKER_LIST, OCI_INDEX } from '../../src/core/manifest.ts'
import { referencesOf } from '../support/memory-manifests.ts'
import type { Call, MemoryRegistry, MemoryRepository, Reply } from '../support/memory-registry.ts'
import { type AwsKey, refusedSignature } from './aws-ecr-signature.ts'

export const AWS_KEY: AwsKey = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
export const ACCOUNT = '123456789012'
/** 2026-01-02T03:04:05.678Z. */
export const PUSHED = 1_767_323_045.678

export type Input = Readonly<Record<string, unknown>>
export type Operation = (input: Input) => unknown

/** An error as the API writes it. */
export class AwsError extends Error {
  readonly type: string
  constructor(type: string, message: string) {
    super(message)
    this.type = type
  }
}

export interface ControlOptions {
  /** `ecr` and its region, or the public one. */
  readonly service: 'ecr' | 'ecr-public'
  readonly region: string
  /** Before the name of an operation in `X-Amz-Target`. */
  readonly target: string
  readonly key?: AwsKey
  /** Operations that the key may not ask for. */
  readonly denied?: readonly string[]
  /** Milliseconds since 1970 by the service's clock. */
  readonly now?: () => number
  readonly operations: Readonly<Record<string, Operation>>
}

/** Answers a request to the API; undefined for other requests. */
export async function answerControl(call: Call, options: ControlOptions): Promise<Reply | undefined> {
  if (call.method !== 'POST' || call.url.pathname !== '/') return undefined
  const chunks: Buffer[] = []
  for await (const chunk of call.body) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const { key = AWS_KEY, region, service, target, denied = [], operations, now = Date.now } = options
  const { headers, method, url } = call
  const date = { date: new Date(now()).toUTCString() }
  try {
    const refused = refusedSignature({ method, url, headers, body }, { key, region, service, now: now() })
    if (refused) throw new AwsError(...refused)
    if (headers['content-type'] !== 'application/x-amz-json-1.1') throw new AwsError('UnknownOperationException', '')
    const name = String(headers['x-amz-target'])
    const operation = name.startsWith(target) ? name.slice(target.length) : ''
    const run = operations[operation]
    if (!run) throw new AwsError('UnknownOperationException', '')
    if (denied.includes(operation)) throw new AwsError('AccessDeniedException', deniedWords(service, operation))
    return answer(200, run(JSON.parse(body.toString('utf8')) as Input), date)
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    return answer(400, { __type: error.type, message: error.message }, date)
  }
}

export function deniedWords(service: string, action: string): string {
  return `User: arn:aws:iam::${ACCOUNT}:user/replicate is not authorized to perform: ${service}:${action} on resource: arn:aws:${service}:eu-west-1:${ACCOUNT}:repository/x because no identity-based policy allows the ${service}:${action} action`
}

function answer(status: number, value: unknown, headers: Readonly<Record<string, string>>): Reply {
  const type = { 'content-type': 'application/x-amz-json-1.1' }
  return { status, headers: { ...type, ...headers }, body: Buffer.from(JSON.stringify(value)) }
}

/** Pages with tokens that say nothing; `loop`: each leads to the first; `empty`: the first has nothing on it. */
export function pageOf<T>(
  all: readonly T[],
  { maxResults = 100, nextToken }: Input,
  how: { readonly loop?: boolean; readonly empty?: boolean } = {},
): { readonly items: readonly T[]; readonly nextToken?: string } {
  const size = Number(maxResults)
  if (!(size >= 1 && size <= 1000)) {
    throw new AwsError(
      'InvalidParameterException',
      "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'",
    )
  }
  const begin = Buffer.from('page 0').toString('base64')
  if (how.loop) return { items: all.slice(0, size), nextToken: begin }
  if (how.empty && nextToken === undefined) return { items: [], nextToken: begin }
  const start = nextToken === undefined ? 0 : Number(Buffer.from(String(nextToken), 'base64').toString('utf8').slice(5))
  const next = start + size
  const more = next < all.length ? { nextToken: Buffer.from(`page ${next}`).toString('base64') } : {}
  return { items: all.slice(start, next), ...more }
}

export function repositoryNamed(content: MemoryRegistry, input: Input): MemoryRepository {
  const found = content.repositories.get(String(input.repositoryName))
  if (found) return found
  throw unknownRepository(String(input.repositoryName))
}

export function unknownRepository(name: string): AwsError {
  return new AwsError(
    'RepositoryNotFoundException',
    `The repository with name '${name}' does not exist in the registry with id '${ACCOUNT}'`,
  )
}

/** One for each digest; of an image without tags the field is absent. */
export function imageDetails({ manifests, tags }: MemoryRepository): readonly Record<string, unknown>[] {
  const tagged = new Map<Digest, string[]>()
  for (const [tag, digest] of tags) tagged.set(digest, [...(tagged.get(digest) ?? []), tag])
  return [...manifests].map(([digest, { mediaType, bytes }]) => ({
    registryId: ACCOUNT,
    imageDigest: digest,
    imageSizeInBytes: bytes.byteLength,
    imagePushedAt: PUSHED,
    imageManifestMediaType: mediaType,
    ...(tagged.has(digest) ? { imageTags: tagged.get(digest) } : {}),
  }))
}

/** What can be deleted is, and the rest is told in an answer that says 200. */
export function batchDelete(repository: MemoryRepository, input: Input): unknown {
  const deleted: unknown[] = []
  const failures: unknown[] = []
  for (const imageId of input.imageIds as readonly { imageTag?: string; imageDigest?: Digest }[]) {
    const failure = deleteOne(repository, imageId)
    if (failure) failures.push({ imageId, failureCode: failure[0], failureReason: failure[1] })
    else deleted.push(imageId)
  }
  return { imageIds: deleted, failures }
}

function deleteOne(
  repository: MemoryRepository,
  { imageTag, imageDigest }: { readonly imageTag?: string; readonly imageDigest?: Digest },
): readonly [code: string, reason: string] | undefined {
  const { tags, manifests } = repository
  if (imageTag?.includes(':')) return ['InvalidImageTag', 'Invalid request parameters: image tag']
  const digest = imageDigest ?? tags.get(imageTag ?? '')
  if (!digest || !manifests.has(digest)) return ['ImageNotFound', 'Requested image not found']
  const rest = [...tags].filter(([tag, target]) => target === digest && tag !== imageTag)
  if (imageTag !== undefined && rest.length > 0) {
    tags.delete(imageTag)
    return undefined
  }
  const parent = [...manifests].find(
    ([, { mediaType, bytes }]) =>
      (mediaType === OCI_INDEX || mediaType === DOCKER_LIST) &&
      referencesOf(mediaType, bytes).manifests.includes(digest),
  )
  if (parent) {
    return ['ImageReferencedByManifestList', `Requested image referenced by manifest list: [${parent[0]}]`]
  }
  manifests.delete(digest)
  for (const [tag, target] of tags) if (target === digest) tags.delete(tag)
  return undefined
}
