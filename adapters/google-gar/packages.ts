/** The images there are: packages of the API, or, where it may not be asked, the children that the registry tells. */

import { z } from 'zod'
import type { Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, UnsupportedError } from '../../src/core/errors.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { type Gar, isRefusal, lastPart, repositoryPath } from './api.ts'
import { type Name, partsOf, pathOf } from './naming.ts'
import { repositoriesOf } from './repositories.ts'
import { listsOf } from './tags.ts'

const PACKAGE = z.looseObject({ name: z.string() })

/** Those of the projects and repositories that the patterns spell out; else of the one project that is known. */
export async function* listRepositories(wanted: Wanted, gar: Gar, ctx: Context): AsyncIterable<string> {
  const heads = topsOf(wanted, 2) ?? topsOf(wanted)
  const projects = heads?.map((head) => partsOf(head, gar.place)) ?? [await ownProject(gar)]
  for (const name of projects) {
    try {
      yield* byApi(name, gar, ctx)
    } catch (error) {
      const isClosed = isRefusal(error) || error instanceof CredentialError || error instanceof UnsupportedError
      if (!isClosed || name.repository === undefined) throw error
      const text = `${gar.name}: the API of Artifact Registry may not be asked, so the registry is: ${error.message}`
      ctx.emit({ type: 'log', level: 'debug', text })
      yield* childrenOf(pathOf(name.project, name.repository, gar.place), true, gar, ctx)
    }
  }
}

async function ownProject(gar: Gar): Promise<Name> {
  const project = await gar.project()
  if (project !== undefined) return partsOf(project.replace(':', '/'), gar.place)
  throw new UnsupportedError(`registry ${gar.name}: it is not known whose repositories to list`, {
    hint: 'name the project in the patterns (name: project/repository/**), or set the option `project`',
  })
}

async function* byApi({ project, repository }: Name, gar: Gar, ctx: Context): AsyncIterable<string> {
  if (gar.place.location === undefined) {
    throw new UnsupportedError(`registry ${gar.name}: the host does not say where its repositories are`, {
      hint: 'set the option `location`, or name project and repository in the patterns',
    })
  }
  for (const own of repository === undefined ? await repositoriesOf(project, gar, ctx) : [repository]) {
    const path = `${repositoryPath(project, own, gar.place)}/packages`
    const base = pathOf(project, own, gar.place)
    for await (const { name } of gar.items(path, 'packages', PACKAGE, `images of ${base}`, ctx)) {
      yield `${base}/${lastPart(name)}`
    }
  }
}

/** Longer names do not exist. */
const LONGEST = 255

/** A request for each path: a level of names, or an image, or both. */
async function* childrenOf(path: string, isTop: boolean, gar: Gar, ctx: Context): AsyncIterable<string> {
  const children = new Set<string>()
  let isImage = false
  for await (const { child, manifest, tags } of listsOf(path, gar, ctx)) {
    isImage ||= Object.keys(manifest ?? {}).length > 0 || (tags ?? []).length > 0
    for (const name of child ?? []) children.add(name)
  }
  if (isImage && !isTop) yield path
  for (const name of children) {
    const below = `${path}/${name}`
    if (below.length <= LONGEST) yield* childrenOf(below, false, gar, ctx)
  }
}
