/** Artifact Registry in memory: a registry with Google's lists, refusals and order of deletion, its API, and who gives out tokens. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { referencesOf } from '../support/memory-manifests.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { type GarRepository, STANDARD, startGarApi } from './google-gar-api.ts'
import { type FakeGoogle, startGoogle } from './google-gar-keys.ts'
import { createSwitches } from './switches.ts'

export interface GarOptions {
  /** What the holder of a token has; default everything. */
  readonly may?: (holder: string, permission: string) => boolean
  /** Nobody needs a credential to pull. */
  readonly isPublic?: boolean
  /** The API is not enabled. */
  readonly disabled?: boolean
  /** The address is that of other software: lists without Google's maps. */
  readonly plain?: boolean
  /** An image that does not exist has an empty list. */
  readonly emptyLists?: boolean
  /** Of one answer; default 10,000. */
  readonly most?: number
}

export interface FakeGar extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly google: FakeGoogle
  /** By `PROJECT/REPOSITORY`. */
  readonly known: Map<string, GarRepository>
  readonly apiUrl: string
}

export const LOCATION = 'europe-west1'

export async function startGar(options: GarOptions = {}): Promise<FakeGar> {
  const switches = createSwitches()
  const google = await startGoogle()
  const known = new Map([['proj/contract', STANDARD]])
  const may = options.may ?? (() => true)
  let looping = false
  const content = await startMemoryRegistry({
    redirectBlobs: true,
    pageSize: 10_000,
    fault: switches.faultOf,
    intercept,
    authorize,
    // Not below /v2/.
    uploadPath: (path) => path.replace(/^\/v2\/([^/]+)\/([^/]+)\/(.+)\/blobs\/uploads\//, uploads('$1', '$2', '$3')),
  })
  const holder = (authorization: string | undefined): string | undefined =>
    google.holder(/^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '')
  const api = await startGarApi(
    { content, known, switches, holder, may, looping: () => looping },
    { location: LOCATION, disabled: options.disabled ?? false },
  )

  function authorize(call: Call): void {
    const path = call.url.pathname
    const name = nameIn(path)
    const who = holder(call.headers.authorization)
    const permission = permissionFor(call)
    if (who === undefined) {
      const isOpen = options.isPublic && (call.method === 'GET' || call.method === 'HEAD') && name !== ''
      if (isOpen) return
      const parts = [`realm="${content.url}/v2/token"`]
      if (name !== '') parts.push(`service="${content.host}"`, `scope="repository:${name}:pull"`)
      throw new Refusal(
        401,
        'UNAUTHORIZED',
        `Unauthenticated request. Unauthenticated requests do not have permission "${permission}"`,
        {
          headers: { 'www-authenticate': `Bearer ${parts.join(',')}` },
        },
      )
    }
    if (name === '') return
    const [project, repository] = name.split('/')
    const resource = `projects/${project}/locations/${LOCATION}/repositories/${repository}`
    if (!may(who, permission))
      throw new Refusal(
        403,
        'DENIED',
        `Permission "${permission}" denied on resource "${resource}" (or it may not exist)`,
      )
    if (!known.has(`${project}/${repository}`))
      throw new Refusal(404, 'NAME_UNKNOWN', `Repository "${repository}" not found`)
  }

  function intercept(call: Call): Reply | undefined {
    const { url, method } = call
    if (url.pathname === '/v2/token') return anonymousToken(call)
    const [, project, repository, rest] =
      /^\/artifacts-uploads\/namespaces\/([^/]+)\/repositories\/([^/]+)\/uploads\/(.+)$/.exec(url.pathname) ?? []
    if (rest !== undefined) {
      const at = rest.lastIndexOf('/')
      url.pathname = `/v2/${project}/${repository}/${decodeURIComponent(rest.slice(0, at))}/blobs/uploads/${rest.slice(at + 1)}`
    }
    if (!url.pathname.startsWith('/v2/') || url.pathname === '/v2/') return undefined
    if (url.pathname === '/v2/_catalog') return text(404, '')
    authorize(call)
    if (url.pathname.endsWith('/tags/list')) return options.plain ? undefined : list(call)
    const name = nameIn(url.pathname)
    const isWrite = method === 'POST' || method === 'PUT' || method === 'PATCH'
    if (isWrite && name.split('/').length < 3) {
      const form = 'docker push HOST-NAME/PROJECT-ID/REPOSITORY/IMAGE'
      throw new Refusal(400, 'NAME_INVALID', `Missing image name. Pushes should be of the form ${form}`)
    }
    const facts = known.get(name.split('/').slice(0, 2).join('/'))
    if (isWrite && facts?.mode !== STANDARD.mode) throw new Refusal(400, 'UNSUPPORTED', 'not a standard repository')
    if (/\/blobs\/uploads\/./.test(url.pathname) && method !== 'PUT' && method !== 'DELETE') {
      throw new Refusal(400, 'UNSUPPORTED', 'chunked uploads are not supported')
    }
    const reference = /\/manifests\/([^/]+)$/.exec(url.pathname)?.[1]
    if (reference !== undefined) checkManifest(method, name, decodeURIComponent(reference), facts)
    return undefined
  }

  /** Accounts bring an access token; anonymous access gets one for a repository that is public. */
  function anonymousToken({ url, headers }: Call): Reply {
    const isAllowed = options.isPublic && headers.authorization === undefined && url.searchParams.has('scope')
    if (isAllowed) return json(200, { token: 'anonymous', expires_in: 43_200 })
    return json(401, { errors: [{ code: 'UNAUTHORIZED', message: 'sign in' }] })
  }

  function checkManifest(method: string, name: string, reference: string, facts: GarRepository | undefined): void {
    const repository = content.repositories.get(name)
    const isTag = !reference.includes(':')
    if (facts?.immutableTags && isTag && repository?.tags.has(reference) && (method === 'PUT' || method === 'DELETE')) {
      throw new Refusal(
        400,
        'DENIED',
        'FAILED_PRECONDITION: the tag cannot be changed because the repository has immutable tags',
      )
    }
    if (method !== 'DELETE' || isTag || !repository) return
    const tag = [...repository.tags].find(([, digest]) => digest === reference)?.[0]
    if (tag !== undefined)
      throw new Refusal(400, 'GOOGLE_MANIFEST_DANGLING_TAG', `Manifest is still referenced by tag: ${tag}`)
    for (const [digest, { mediaType, bytes }] of repository.manifests) {
      if (referencesOf(mediaType, bytes).manifests.includes(reference))
        throw new Refusal(
          400,
          'GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE',
          `Manifest ${reference} is referenced by image ${digest}`,
        )
    }
  }

  /** Numbers are texts; what is over is left out without a word. */
  function list({ url }: Call): Reply {
    const name = nameIn(url.pathname)
    const repository = content.repositories.get(name)
    const children = [...content.repositories.keys()]
      .filter((other) => other.startsWith(`${name}/`))
      .map((other) => other.slice(name.length + 1).split('/')[0])
    if (!repository && children.length === 0 && !options.emptyLists && name.split('/').length > 2)
      throw new Refusal(404, 'NAME_UNKNOWN', `Repository "${name}" not found`)
    const n = Math.min(options.most ?? 10_000, Number(url.searchParams.get('n') ?? 1000))
    const tagsOf = new Map<string, string[]>()
    for (const [tag, digest] of repository?.tags ?? []) tagsOf.set(digest, [...(tagsOf.get(digest) ?? []), tag])
    const manifest: Record<string, unknown> = {}
    for (const [digest, { mediaType, bytes }] of [...(repository?.manifests ?? [])].slice(0, n)) {
      manifest[digest] = {
        imageSizeBytes: String(bytes.byteLength),
        layerId: '',
        mediaType,
        tag: tagsOf.get(digest) ?? [],
        timeCreatedMs: '0',
        timeUploadedMs: '1767323045000',
      }
    }
    const tags = Object.values(manifest).flatMap((entry) => (entry as { tag: string[] }).tag)
    const headers = looping ? { link: `<${url.pathname}${url.search}>; rel="next"` } : {}
    return json(200, { child: [...new Set(children)], manifest, name, tags }, headers)
  }

  return {
    content,
    google,
    known,
    apiUrl: api.url,
    registry: { name: 'it', type: 'google-gar', url: content.url, options: { api_url: api.url, location: LOCATION } },
    env: { REPLICATE_IT_USERNAME: '_json_key', REPLICATE_IT_PASSWORD: google.keyFile() },
    namespace: 'proj/contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => [...api.requests, ...content.requests.map(({ method, path }) => `${method} ${path}`)],
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: google.expire,
    async close() {
      await Promise.all([content.close(), api.close(), google.close()])
    },
  }
}

function uploads(project: string, repository: string, image: string): string {
  return `/artifacts-uploads/namespaces/${project}/repositories/${repository}/uploads/${image}/`
}

function nameIn(path: string): string {
  return /^\/v2\/(.+?)\/(?:tags\/list|manifests\/|blobs\/|referrers\/)/.exec(path)?.[1] ?? ''
}

function permissionFor({ method }: Call): string {
  const verb = method === 'GET' || method === 'HEAD' ? 'download' : method === 'DELETE' ? 'delete' : 'upload'
  return `artifactregistry.repositories.${verb}Artifacts`
}
