/** Volcengine's API of an instance: namespaces, repositories and tags.
 *
 *  https://www.volcengine.com/docs/6420/79711 */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { NetworkError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { countedItems } from '../counted.ts'
import { ensured } from '../ensured.ts'
import type { CloudKey } from '../signed.ts'
import { openVolcengine, type Volcengine, volcengineKey } from './sign-in.ts'

export interface Instance {
  /** False: there is no access key, and this API cannot be asked. */
  hasKey(): Promise<boolean>
  /** Throws where the key is refused, or where the instance does not exist or run. A key that may not look is fine. */
  check(ctx: Context): Promise<void>
  /** What kept the registry from being reached, in words that say so where its public address is off. */
  unreachable(error: unknown, ctx: Context): Promise<unknown>
  namespaces(ctx: Context): AsyncIterable<string>
  /** Of some namespaces, or of all. */
  repositories(namespaces: readonly string[] | undefined, ctx: Context): AsyncIterable<string>
  tags(repository: string, ctx: Context): AsyncIterable<Tag>
  /** What is gone is deleted already. */
  deleteTags(repository: string, tags: readonly string[], ctx: Context): Promise<void>
  ensureNamespace(name: string, ctx: Context): Promise<void>
  ensureRepository(repository: string, isPublic: boolean, ctx: Context): Promise<void>
}

const REGISTRY = z.looseObject({
  Name: z.string(),
  Status: z.looseObject({ Phase: z.string().nullish() }).nullish(),
})
const NAMESPACE = z.looseObject({ Name: z.string() })
const REPOSITORY = z.looseObject({ Namespace: z.string(), Name: z.string() })
const TAG = z.looseObject({ Name: z.string(), Digest: z.string().nullish(), PushTime: z.string().nullish() })
type Tag = z.output<typeof TAG>
const ENDPOINT = z.looseObject({ Enabled: z.boolean().nullish() })
const DELETED = z.looseObject({
  Failures: z.array(z.looseObject({ Name: z.string().nullish(), Reason: z.string().nullish() })).nullish(),
})

/** The API gives no more at once. */
const PAGE_SIZE = 100

export function openInstance(registry: Registry, tools: AdapterTools): Instance {
  let opened: Volcengine | undefined
  const hasKey = async (): Promise<boolean> => volcengineKey(await tools.credential()) !== undefined

  function volcengine(): Volcengine {
    opened ??= openVolcengine(registry, neededKey, tools.api)
    return opened
  }

  async function neededKey(): Promise<CloudKey> {
    const found = volcengineKey(await tools.credential())
    if (found) return found
    throw new UnsupportedError(`registry ${registry.name}: Volcengine's API takes only an access key`, {
      hint: "give one as `type: access_key`, or repository names in the policy's name filter",
    })
  }

  function items<T>(
    action: string,
    body: object,
    form: z.ZodType<T>,
    nameOf: (item: T) => string,
    what: string,
    ctx: Context,
  ): AsyncIterable<T> {
    const page = z.looseObject({ Items: z.array(form).nullish(), TotalCount: z.number().nullish() })
    return countedItems({
      ...{ size: PAGE_SIZE, key: nameOf, what, path: `/?Action=${action}` },
      async read(number) {
        const asked = { ...body, PageNumber: number, PageSize: PAGE_SIZE }
        const answer = await volcengine().ask(action, asked, `list the ${what}`, page, ctx)
        return { items: answer.Items ?? [], total: answer.TotalCount ?? undefined }
      },
    })
  }

  /** Names are matched loosely, with wildcards: an answer may have others, too. */
  async function hasNamespace(name: string, ctx: Context): Promise<boolean> {
    const body = { Filter: { Names: [name] } }
    for await (const found of items('ListNamespaces', body, NAMESPACE, (one) => one.Name, 'namespaces', ctx)) {
      if (found.Name === name) return true
    }
    return false
  }

  async function hasRepository(namespace: string, name: string, ctx: Context): Promise<boolean> {
    const body = { Filter: { Namespaces: [namespace], Names: [name] } }
    for await (const found of items('ListRepositories', body, REPOSITORY, fullName, 'repositories', ctx)) {
      if (found.Namespace === namespace && found.Name === name) return true
    }
    return false
  }

  async function checkInstance(ctx: Context): Promise<void> {
    const { instance, region } = volcengine()
    const what = `look at the instance ${instance}`
    const form = z.looseObject({ Items: z.array(REGISTRY).nullish() })
    const body = { Filter: { Names: [instance] }, PageNumber: 1, PageSize: PAGE_SIZE }
    const { Items } = await volcengine().ask('ListRegistries', body, what, form, ctx)
    const found = Items?.find(({ Name }) => Name === instance)
    const place = { method: 'POST', path: '/?Action=ListRegistries' }
    if (!found) {
      const hint = 'check `url`, or `options.instance` and `options.region`, and to which account the key belongs'
      throw new RegistryError(`there is no instance ${instance} in ${region}`, { ...place, status: 404, hint })
    }
    const phase = found.Status?.Phase
    if (phase && phase !== RUNNING) {
      const hint = 'look at its state in the console'
      throw new RegistryError(`the instance ${instance} is not running: ${phase}`, { ...place, status: 409, hint })
    }
  }

  return {
    hasKey,
    async check(ctx) {
      try {
        if (await hasKey()) await checkInstance(ctx)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 403) throw error
      }
    },
    async unreachable(error, ctx) {
      const isClosed = error instanceof NetworkError || (error instanceof RegistryError && error.status === 403)
      if (!isClosed || !(await hasKey())) return error
      const answer = volcengine().ask('GetPublicEndpoint', {}, 'look at the public address', ENDPOINT, ctx)
      const enabled = await answer.then(
        ({ Enabled }) => Enabled,
        () => undefined,
      )
      if (enabled !== false) return error
      const text = `public access to the instance ${volcengine().instance} is off: ${error.message}`
      const hint = 'switch it on in the console, or use the address within the VPC: .cr.ivolces.com'
      if (error instanceof RegistryError) return restated(error, text, hint)
      return new NetworkError(text, { cause: error, hint, retryable: false })
    },
    async *namespaces(ctx) {
      for await (const { Name } of items('ListNamespaces', {}, NAMESPACE, (one) => one.Name, 'namespaces', ctx)) {
        yield Name
      }
    },
    async *repositories(namespaces, ctx) {
      const body = namespaces ? { Filter: { Namespaces: namespaces } } : {}
      for await (const one of items('ListRepositories', body, REPOSITORY, fullName, 'repositories', ctx)) {
        if (!namespaces || namespaces.includes(one.Namespace)) yield fullName(one)
      }
    },
    tags: (repository, ctx) =>
      items('ListTags', partsOf(repository), TAG, ({ Name }) => Name, `tags of ${repository}`, ctx),
    async deleteTags(repository, tags, ctx) {
      for (let start = 0; start < tags.length; start += PAGE_SIZE) {
        const Names = tags.slice(start, start + PAGE_SIZE)
        const what = `delete ${repository}:${Names.join(', ')}`
        const answer = volcengine().ask('DeleteTags', { ...partsOf(repository), Names }, what, DELETED.nullish(), ctx)
        refuseFailures((await answer.catch(orGone))?.Failures ?? [], what)
      }
    },
    async ensureNamespace(name, ctx) {
      const create = (asked: Context) =>
        volcengine().ask('CreateNamespace', { Name: name }, `create the namespace ${name}`, z.unknown(), asked)
      await ensured((asked) => hasNamespace(name, asked), create, ctx)
    },
    async ensureRepository(repository, isPublic, ctx) {
      const { Namespace, Repository: Name } = partsOf(repository)
      const body = { Namespace, Name, AccessLevel: isPublic ? 'Public' : 'Private' }
      const create = (asked: Context) =>
        volcengine().ask('CreateRepository', body, `create the repository ${repository}`, z.unknown(), asked)
      await ensured((asked) => hasRepository(Namespace, Name, asked), create, ctx)
    },
  }
}

const RUNNING = 'Running'

function fullName({ Namespace, Name }: z.output<typeof REPOSITORY>): string {
  return `${Namespace}/${Name}`
}

function partsOf(repository: string): { readonly Namespace: string; readonly Repository: string } {
  const slash = repository.indexOf('/')
  return { Namespace: repository.slice(0, slash), Repository: repository.slice(slash + 1) }
}

function orGone(error: unknown): undefined {
  if (error instanceof RegistryError && error.status === 404) return undefined
  throw error
}

/** What could not be deleted is told in an answer that says 200; what is gone is deleted already. */
function refuseFailures(failures: NonNullable<z.output<typeof DELETED>['Failures']>, what: string): void {
  const failure = failures.find(({ Reason }) => !/not.?(found|exist)/i.test(Reason ?? ''))
  if (!failure) return
  throw new RegistryError(`cannot ${what}: ${failure.Name ?? ''} ${failure.Reason ?? 'without a reason'}`, {
    ...{ status: 200, method: 'POST', path: '/?Action=DeleteTags' },
  })
}
