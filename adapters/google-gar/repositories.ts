/** Repositories of Artifact Registry, which are the namespaces: listed, looked at, and created where they are missing. */

import { z } from 'zod'
import { sleep } from '../../src/core/cancel.ts'
import type { Context } from '../../src/core/context.ts'
import { NetworkError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { type Gar, isRefusal, lastPart, locationPath, REPOSITORY } from './api.ts'
import { partsOf, pathOf } from './naming.ts'
import { explained } from './refusals.ts'
import { objectionTo } from './rules.ts'

/** Of the one project that is known. */
export async function* listNamespaces(gar: Gar, ctx: Context): AsyncIterable<string> {
  const project = await gar.project()
  if (project === undefined || gar.place.location === undefined) {
    throw new UnsupportedError(`registry ${gar.name}: project or location of its repositories is not known`, {
      hint: 'set the options `project` and `location`',
    })
  }
  for (const repository of await repositoriesOf(project, gar, ctx)) yield pathOf(project, repository, gar.place)
}

/** Those that hold images. */
export async function repositoriesOf(project: string, gar: Gar, ctx: Context): Promise<readonly string[]> {
  if (gar.place.fixed !== undefined) return [gar.place.fixed]
  const what = `repositories of ${project}`
  const found: string[] = []
  for await (const { name, format } of gar.items(
    locationPath(project, gar.place),
    'repositories',
    REPOSITORY,
    what,
    ctx,
  )) {
    if ((format ?? 'DOCKER') === 'DOCKER') found.push(lastPart(name))
  }
  return found
}

const IDENTIFIER = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Idempotent. Nothing is done at gcr.io, where a push creates it, and where the API cannot be asked. */
export async function ensureRepository(namespace: string, isPublic: boolean, gar: Gar, ctx: Context): Promise<void> {
  const { place } = gar
  const { project, repository } = partsOf(namespace, place)
  if (place.fixed !== undefined || place.location === undefined) return
  if (repository === undefined) {
    throw new UnsupportedError(`${namespace} is no namespace of Artifact Registry: it is PROJECT/REPOSITORY`, {
      hint: 'set destination.namespace to PROJECT/REPOSITORY',
    })
  }
  const known = await gar.find(project, repository, ctx).catch(unlessAllowed(ctx))
  if (known === 'unknown') return
  const objection = known && objectionTo(known)
  if (objection) throw new UnsupportedError(objection.reason, { hint: objection.hint })
  if (known) return
  if (!IDENTIFIER.test(repository)) {
    throw new UnsupportedError(
      `${repository} cannot be a repository of Artifact Registry: lower case, digits and dashes`,
      {
        hint: 'set destination.namespace to PROJECT/REPOSITORY with an allowed name',
      },
    )
  }
  await create(project, repository, gar, ctx)
  gar.forget(project, repository)
  if (!isPublic) return
  const text = `${namespace} was created, but is not public: grant allUsers roles/artifactregistry.reader on it`
  ctx.emit({ type: 'log', level: 'warning', text })
}

/** Who may push need not be allowed to look: then the push tells. */
function unlessAllowed(ctx: Context) {
  return (error: unknown): 'unknown' => {
    if (!isRefusal(error)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `repositories of Artifact Registry are not told: ${error.message}` })
    return 'unknown'
  }
}

const OPERATION = z.looseObject({
  name: z.string(),
  done: z.boolean().nullish(),
  error: z.looseObject({ message: z.string().nullish() }).nullish(),
})

async function create(project: string, repository: string, gar: Gar, ctx: Context): Promise<void> {
  const path = locationPath(project, gar.place)
  const url = `${path}?${new URLSearchParams({ repositoryId: repository })}`
  const body = Buffer.from(JSON.stringify({ format: 'DOCKER', mode: 'STANDARD_REPOSITORY' }))
  const headers = { 'content-type': 'application/json' }
  const what = `repository ${project}/${repository}`
  try {
    const { value } = await askJson(gar.api(), { method: 'POST', url, headers, body }, OPERATION, what, ctx)
    await finished(value, gar, what, ctx)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 409) return
    const hint =
      error.status === 403
        ? `grant the account roles/artifactregistry.admin (artifactregistry.repositories.create), or create it: gcloud artifacts repositories create ${repository} --repository-format=docker --project=${project} --location=${gar.place.location}`
        : error.hint
    throw restated(error, `cannot create the ${what}: ${error.message}`, hint)
  }
}

/** Milliseconds: between the first looks, at most between two, and altogether. */
const FIRST_LOOK = 100
const LONGEST_PAUSE = 2000
const PATIENCE = 60_000

async function finished(begun: z.infer<typeof OPERATION>, gar: Gar, what: string, ctx: Context): Promise<void> {
  let operation = begun
  let waited = 0
  for (let pause = FIRST_LOOK; !operation.done; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
    if (waited > PATIENCE) throw new NetworkError(`the ${what} was not created within ${PATIENCE / 1000} s`)
    await sleep(pause, ctx.signal)
    waited += pause
    const url = `/v1/${operation.name}`
    operation = (await explained(askJson(gar.api(), { url }, OPERATION, what, ctx))).value
  }
  if (!operation.error) return
  const message = operation.error.message ?? 'without a reason'
  throw new RegistryError(message, { status: 200, method: 'GET', path: `/v1/${operation.name}` })
}
