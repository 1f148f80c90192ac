/** What the parts of a name are: project, repository and image, and where the repository is.
 *
 *  https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories */

import type { Registry } from '../../src/core/registry.ts'

export interface Place {
  /** Undefined where neither the host nor an option says it: then the API cannot be asked. */
  readonly location: string | undefined
  /** The one repository of each project that a gcr.io host stands for. */
  readonly fixed: string | undefined
}

/** The location of the repository that has the name of the host. */
const GCR: Readonly<Record<string, string>> = {
  'gcr.io': 'us',
  'us.gcr.io': 'us',
  'eu.gcr.io': 'europe',
  'asia.gcr.io': 'asia',
}

export function placeOf({ url = '', options = {} }: Registry): Place {
  const { hostname } = new URL(url)
  const { location } = options
  const given = typeof location === 'string' ? location : undefined
  const gcr = GCR[hostname]
  if (gcr !== undefined) return { location: given ?? gcr, fixed: hostname }
  return { location: given ?? /^([a-z0-9-]+)-docker\.pkg\.dev$/.exec(hostname)?.[1], fixed: undefined }
}

export interface Name {
  /** As the API writes it: `example.com:project` for one that belongs to a domain. */
  readonly project: string
  readonly repository: string | undefined
  /** Below the repository. */
  readonly image: string | undefined
}

/** The parts of a name or of its beginning. */
export function partsOf(name: string, { fixed }: Place): Name {
  const [first = '', ...others] = name.split('/')
  const [second, ...rest] = others
  const belongs = first.includes('.') && second !== undefined
  const project = belongs ? `${first}:${second}` : first
  const below = belongs ? rest : others
  const [own, ...deeper] = fixed === undefined ? below : [fixed, ...below]
  return { project, repository: own, image: deeper.length > 0 ? deeper.join('/') : undefined }
}

/** How the name of a repository begins in the registry. */
export function pathOf(project: string, repository: string, { fixed }: Place): string {
  const path = project.replace(':', '/')
  return fixed === undefined ? `${path}/${repository}` : path
}
