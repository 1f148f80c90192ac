/** Which tasks of an execution a program outside may do, and how what it says of their end is checked. */

import type { Audience } from '../../core/audience.ts'
import { RunnerError } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import type { Endpoint } from '../endpoint.ts'
import { selectionOf } from '../plan/filter.ts'
import type { Offer, OutsideRunners } from './outside.ts'
import type { Done, RunTask } from './runner.ts'
import type { TransferOptions } from './transfer.ts'

export interface OfferRequest {
  /** Programs outside, which may take single tasks. */
  readonly outside?: OutsideRunners | undefined
}

interface OfferParts {
  readonly policy: Policy
  readonly source: Endpoint
  /** By the registry's name. */
  readonly destinations: ReadonlyMap<string, Endpoint>
  /** What this process does itself. */
  readonly local: RunTask
}

/** What `transferTasks` is told of programs outside. Clients that wait for what is copied hear it from this process: its tasks are done here. */
export function offering(
  { outside, audience }: OfferRequest & { readonly audience?: Audience | undefined },
  execution: number,
  parts: OfferParts,
): TransferOptions['outside'] {
  if (!outside || audience) return undefined
  return (take) => outside.offer(execution, { ...offerOf(parts), take })
}

function offerOf({ policy, source, destinations, local }: OfferParts): Omit<Offer, 'take'> {
  const { narrows } = selectionOf(policy)
  return {
    refusal({ id, action, source: from, destination: to }) {
      const destination = destinations.get(to.registry)
      const why = (text: string): string => `task ${id} is done by this daemon itself: ${text}`
      if (action !== 'copy' && action !== 'update') return why('it copies nothing')
      if (!destination || destination.registry.path !== undefined) return why('its destination is a local path')
      if (from.registry === source.registry.name && source.registry.path !== undefined) {
        return why('its source is a local path')
      }
      const { namespace, name } = to.metadata
      const store = destination.adapter.repository(namespace === null ? name : `${namespace}/${name}`)
      // The digest at the destination is known only once it was written.
      return narrows || store.nameOf ? why('its digest at the destination is another one') : undefined
    },
    async verify(task, done, ctx) {
      const { tag, registry, repository } = task.destination
      const destination = destinations.get(registry)
      const there = await destination?.adapter.repository(repository).resolve(tag ?? task.digest ?? '', ctx)
      if (!there || there.digest !== task.digest) {
        const name = formatResource(task.destination)
        throw new RunnerError(
          `its runner says that ${name} is ${task.digest}, and it is ${there?.digest ?? 'not there'}`,
        )
      }
      const { new_repository: _, labels, ...known } = task
      const own: Done = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
      try {
        // What is there is not sent again. Without a thorough check its registry's word for what the manifest names is enough.
        if (policy.verify === 'full') await local(known, own, ctx, true)
        else if (policy.referrers !== false) await local({ ...known, referrers_only: true }, own, ctx, true)
      } finally {
        done.bytes_copied += own.bytes_copied
        done.bytes_mounted += own.bytes_mounted
      }
      if (labels) await destination?.adapter.attachLabels?.(repository, there.digest, labels, ctx)
    },
  }
}
