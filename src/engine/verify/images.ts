/** What a verification compares of the images that charts name: after the charts themselves, registry by registry. */

import type { Context } from '../../core/context.ts'
import type { Difference } from '../../core/drift.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { policyOfImages } from '../images/compare.ts'
import type { Landing } from '../images/named.ts'
import { type Artifact, differenceOf, findingOf, type Group, type Verifying, verifyingOf } from './verifying.ts'

/** Images with what they are verified by: their registry is another source. */
export interface ImageGroup {
  readonly group: Group
  readonly by: Verifying
}

/** A registry that cannot be opened is a difference for each of its images. */
export async function* imageGroups(
  verifying: Verifying,
  tell: (difference: Difference) => void,
  ctx: Context,
): AsyncIterable<ImageGroup> {
  const { request, named } = verifying
  const { images: tools, policy, source, destination, only } = request
  if (!tools) return
  named?.report(ctx)
  const landings = only ? landingsIn(only, destination.registry.name) : (named?.landings() ?? [])
  for (const [registry, all] of Map.groupBy(landings, (landing) => landing.registry)) {
    try {
      const own = registry === source.registry.name
      const { narrow: _, shard: __, only: ___, images: ____, ...rest } = request
      const side = own ? source : await tools.open(registry)
      const by = verifyingOf({ ...rest, policy: policyOfImages(policy, registry), source: side })
      for (const group of groupsOf(all)) yield { group, by }
    } catch (error) {
      const finding = findingOf(error)
      const nowhere = { ...source, registry: { ...source.registry, name: registry } }
      for (const landing of all) tell(differenceOf(finding, landing, nowhere, destination))
    }
  }
}

function groupsOf(landings: readonly Landing[]): readonly Group[] {
  const groups = Map.groupBy(landings, ({ from, to }) => `${from.repository} ${to.repository}`)
  return [...groups.values()].flatMap((all): Group[] => {
    const [first] = all
    const artifacts = all.map(({ from, to, named_by }): Artifact => ({ from, to, named_by }))
    return first ? [{ repository: first.from.repository, mapped: first.to.repository, artifacts }] : []
  })
}

/** What tasks of a repair are about. */
function landingsIn(tasks: readonly TaskSpec[], destination: string): readonly Landing[] {
  return tasks.flatMap(({ source, destination: to, digest, named_by }): Landing[] => {
    if (named_by === undefined || to.registry !== destination) return []
    const { registry, repository, tag } = source
    const name = tag === undefined ? { ...(digest === undefined ? {} : { digest }) } : { tag }
    const landing = { repository: to.repository, ...(to.tag === undefined ? {} : { tag: to.tag }) }
    return [{ registry, from: { repository, ...name }, to: landing, named_by }]
  })
}
