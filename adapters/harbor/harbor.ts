/** What the parts of the adapter share: Harbor's API, whether the credential is taken there, and whom to name in messages. */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export interface Harbor {
  /** Its name in the configuration. */
  readonly name: string
  /** Sends user name and password with every request, which Harbor takes below `/v2/`, too. */
  readonly http: HttpClient
  /** For what is listed below `/v2/`: as `http`, but for nobody with tokens. A client that knows tokens would ask for one at the API, too. */
  v2(): Promise<HttpClient>
  /** Asked once; throws where this is no Harbor 2, or the credential is refused. */
  info(ctx: Context): Promise<SystemInfo>
  /** `"robot$mirror"`, or `nobody`. */
  who(): Promise<string>
  /** What a refusal below `/v2/` means: 401 stands for a wrong credential, a missing right and a missing project alike. */
  meaning(error: unknown, repository: string, right: Right, ctx: Context): Promise<unknown>
}

export type Right = 'pull' | 'push' | 'delete'

const INFO = z.object({
  /** Told to whom it knows, only. */
  harbor_version: z.string().optional(),
  read_only: z.boolean().nullish(),
})
export type SystemInfo = z.infer<typeof INFO>

export function createHarbor(registry: Registry, tools: AdapterTools): Harbor {
  const { name, url = '' } = registry
  let client: HttpClient | undefined
  let info: Promise<SystemInfo> | undefined
  const harbor: Harbor = {
    name,
    get http() {
      client ??= tools.api({ url })
      return client
    },
    v2: async () => ((await tools.credential()).kind === 'anonymous' ? tools.http() : harbor.http),
    info(ctx) {
      info ??= askInfo(harbor, ctx).catch((error: unknown) => {
        info = undefined
        throw error
      })
      return info
    },
    async who() {
      const found = await tools.credential()
      return found.kind === 'basic' ? JSON.stringify(found.username) : 'nobody'
    },
    async meaning(error, repository, right, ctx) {
      if (!(error instanceof CredentialError) || (await tools.credential()).kind === 'anonymous') return error
      const project = projectOf(repository)
      const place = { method: 'GET', path: `/v2/${repository}`, cause: error } as const
      try {
        const { harbor_version } = await systemInfo(harbor, ctx)
        if (harbor_version === undefined) return error
        if (!(await isProject(harbor, project, ctx))) {
          const hint = `create the project, or set \`destination.create: true\` with an account that may`
          return new RegistryError(`project ${project} is not there`, { ...place, status: 404, hint })
        }
      } catch {
        return error
      }
      return new RegistryError(`${await harbor.who()} may not ${right} in project ${project}`, {
        ...place,
        status: 403,
        hint: rightHint(right),
      })
    },
  }

  /** Harbor takes a wrong credential for nobody, and then shows what is public: so it must be asked. */
  async function askInfo(it: Harbor, ctx: Context): Promise<SystemInfo> {
    const value = await systemInfo(it, ctx)
    const { kind } = await tools.credential()
    // Robots of old versions are known below /v2/ alone.
    if (value.harbor_version === undefined && kind !== 'anonymous') await askV2(it, ctx)
    return value
  }
  return harbor
}

/** Throws a `CredentialError` where the credential is refused there. */
export async function askV2({ http }: Harbor, ctx: Context): Promise<void> {
  const response = await http.request({ method: 'GET', url: '/v2/' }, ctx)
  await response.discard()
}

export function projectOf(repository: string): string {
  return repository.split('/', 1)[0] ?? ''
}

/** Works for every account, whether it may see the project or not; nobody gets a `CredentialError`. */
export async function isProject({ http }: Harbor, project: string, ctx: Context): Promise<boolean> {
  const url = `/api/v2.0/projects?${new URLSearchParams({ project_name: project })}`
  const response = await http.request({ method: 'HEAD', url, expect: [200, 404] }, ctx)
  await response.discard()
  return response.status === 200
}

/** In Harbor's words, for people and for robots. */
export function rightHint(right: Right): string {
  const role = { pull: 'Limited Guest', push: 'Developer', delete: 'Maintainer' }[right]
  return `make the user at least ${role} of the project, or give the robot account the permission ${right} of repository`
}

async function systemInfo({ http }: Harbor, ctx: Context): Promise<SystemInfo> {
  try {
    return (await askJson(http, { url: '/api/v2.0/systeminfo' }, INFO, 'facts of the system', ctx)).value
  } catch (error) {
    if (!(error instanceof RegistryError) || error.retryable || error.status === 403) throw error
    if (isNotFound(error) && (await isHarbor1(http, ctx))) {
      const { status, method, path } = error
      throw new RegistryError(`${http.host} is a Harbor 1.x, which is too old`, {
        ...{ status, method, path, cause: error },
        hint: 'upgrade it to 2.x, or use `type: docker-registry`, which needs nothing but /v2/',
      })
    }
    const hint = 'check `url`: the address of its web pages, without a path; `type: docker-registry` suits any registry'
    throw restated(error, `${http.host} does not answer as Harbor 2: ${error.message}`, hint)
  }
}

async function isHarbor1(http: HttpClient, ctx: Context): Promise<boolean> {
  try {
    const { value } = await askJson(http, { url: '/api/systeminfo' }, z.object({ auth_mode: z.string() }), 'facts', ctx)
    return value.auth_mode !== ''
  } catch {
    return false
  }
}
