/** The routes of the registry in memory: which path is answered by what, and which rights it needs. */

import { isRepositoryName } from '../../src/core/reference.ts'
import { deleteBlob, readBlob, readStorage } from './memory-blobs.ts'
import { listCatalog, listReferrers, listTags } from './memory-listing.ts'
import { deleteManifest, readManifest, writeManifest } from './memory-manifests.ts'
import type { Call, Reply, Route } from './memory-registry.ts'
import { json, Refusal, text } from './memory-reply.ts'
import { startUpload, uploadRequest } from './memory-uploads.ts'

interface Target {
  readonly route: Route
  readonly repository: string
  /** A tag, a digest, or an upload's id. */
  readonly reference: string
}

/** Answers a request to the registry itself. */
export async function answer(call: Call): Promise<Reply> {
  const { options } = call.state
  const own = await options.intercept?.(call)
  if (own) return own
  const target = targetOf(call.url.pathname)
  if (target.route === 'token') return call.state.issueToken(call)
  if (target.route === 'other') return text(404, '404 page not found\n')
  // Known before it is authorized: a registry without the API has no such route.
  if (target.route === 'referrers' && options.referrers === false) return text(404, '404 page not found\n')
  if (target.route === 'catalog' && options.catalog === false) return text(404, '404 page not found\n')
  call.state.authorize(call)
  if (target.route === 'ping') return call.method === 'GET' ? json(200, {}) : notAllowed()
  if (target.route === 'catalog') return call.method === 'GET' ? listCatalog(call) : notAllowed()
  if (!isRepositoryName(target.repository)) throw new Refusal(400, 'NAME_INVALID', 'invalid repository name')
  switch (`${call.method} ${target.route}`) {
    case 'GET tags':
      return listTags(call, target.repository)
    case 'GET referrers':
      return listReferrers(call, target.repository, target.reference)
    case 'GET manifest':
    case 'HEAD manifest':
      return readManifest(call, target.repository, target.reference)
    case 'PUT manifest':
      return writeManifest(call, target.repository, target.reference)
    case 'DELETE manifest':
      return deleteManifest(call, target.repository, target.reference)
    case 'GET blob':
    case 'HEAD blob':
      return readBlob(call, target.repository, target.reference)
    case 'DELETE blob':
      return deleteBlob(call, target.repository, target.reference)
    case 'POST upload':
      return target.reference === '' ? startUpload(call, target.repository) : notAllowed()
    default:
      if (target.route === 'upload' && target.reference !== '') {
        return uploadRequest(call, target.repository, target.reference)
      }
      return notAllowed()
  }
}

/** Answers a request to the listener that stands for object storage: signed URLs, no credentials, no HEAD. */
export async function answerStorage(call: Call): Promise<Reply> {
  if (call.headers.authorization !== undefined) {
    return text(400, '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>')
  }
  if (call.method !== 'GET') return text(403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
  return readStorage(call)
}

export function routeOf(path: string): Route {
  return targetOf(path).route
}

/** The scopes a token must have for this request, as distribution asks for them. */
export function neededScopes(call: Call): readonly string[] {
  const { route, repository } = targetOf(call.url.pathname)
  if (route === 'catalog') return ['registry:catalog:*']
  if (repository === '') return []
  if (call.method === 'DELETE') return [`repository:${repository}:delete`]
  if (call.method === 'GET' || call.method === 'HEAD') {
    // The state of an upload is a writer's business.
    return [`repository:${repository}:${route === 'upload' ? 'pull,push' : 'pull'}`]
  }
  const from = route === 'upload' && call.method === 'POST' ? call.url.searchParams.get('from') : null
  const own = `repository:${repository}:pull,push`
  return from && call.url.searchParams.has('mount') ? [own, `repository:${from}:pull`] : [own]
}

function targetOf(path: string): Target {
  if (path === '/v2/') return { route: 'ping', repository: '', reference: '' }
  if (path === '/token') return { route: 'token', repository: '', reference: '' }
  if (path === '/v2/_catalog') return { route: 'catalog', repository: '', reference: '' }
  if (path.startsWith('/storage/')) return { route: 'storage', repository: '', reference: '' }
  const match =
    /^\/v2\/(?<repository>.+)\/(?:(?<tags>tags\/list)|(?<kind>manifests|referrers)\/(?<reference>[^/]+)|blobs\/uploads\/(?<upload>[^/]*)|blobs\/(?<blob>[^/]+))$/.exec(
      path,
    )?.groups
  if (!match) return { route: 'other', repository: '', reference: '' }
  const repository = match.repository ?? ''
  if (match.tags !== undefined) return { route: 'tags', repository, reference: '' }
  if (match.upload !== undefined) return { route: 'upload', repository, reference: match.upload }
  if (match.blob !== undefined) return { route: 'blob', repository, reference: decodeURIComponent(match.blob) }
  const route = match.kind === 'manifests' ? 'manifest' : 'referrers'
  return { route, repository, reference: decodeURIComponent(match.reference ?? '') }
}

function notAllowed(): Reply {
  return new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.').reply
}
