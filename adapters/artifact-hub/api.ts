/** Artifact Hub's API: which repository a package is from.
 *
 *  https://artifacthub.io/docs/api/ */

import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import type { HttpClient } from '../../src/core/http.ts'
import { askJson } from '../../src/oci/registry/pages.ts'

const PACKAGE = z.looseObject({ name: z.string(), repository: z.looseObject({ name: z.string(), url: z.string() }) })

/** A package, and the repository of its publisher. */
export type Package = z.output<typeof PACKAGE>

/** Each that is not deprecated: some thousands, in one answer of a few MB. */
export async function allPackages(http: HttpClient, ctx: Context): Promise<readonly Package[]> {
  return (await askJson(http, { url: '/api/v1/helm-exporter' }, z.array(PACKAGE), 'packages', ctx)).value
}

/** Throws a `RegistryError` with status 404 for a package that does not exist. */
export async function findPackage(http: HttpClient, repository: string, name: string, ctx: Context): Promise<Package> {
  const url = `/api/v1/packages/helm/${encodeURIComponent(repository)}/${encodeURIComponent(name)}`
  return (await askJson(http, { url }, PACKAGE, `repository of the package ${repository}/${name}`, ctx)).value
}

/** At any other address the server answers 200, with a page for people. */
export async function ping(http: HttpClient, ctx: Context): Promise<void> {
  const form = z.looseObject({ packages: z.array(z.unknown()) })
  await askJson(http, { url: '/api/v1/packages/search?kind=0&limit=1' }, form, 'packages', ctx)
}
