/** Where tasks stand in a plan that people read: by repository, each image behind the chart that names it. */

import type { TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import { mapRepository } from '../plan/mapping.ts'

/** Keys whose order is that of the plan. Tasks with one key stay in the order in which they came. */
export function placing(policy: Policy): (task: TaskSpec) => string {
  if (policy.with_images !== true) return (task) => task.destination.repository
  const charts = new Map<string, string>()
  return ({ named_by, source, destination, digest }) => {
    if (named_by !== undefined) return charts.get(named_by) ?? unchangedAt(named_by, policy)
    const key = `${destination.repository} ${String(charts.size).padStart(12, '0')}`
    charts.set(formatResource({ ...source, digest }), key)
    return key
  }
}

/** Of a chart without a task: behind all that have one in its repository. */
function unchangedAt(chart: string, policy: Policy): string {
  const name = chart.slice(policy.source.registry.length + 1).replace(/(?:@|:[^:/]*$).*/, '')
  return `${mapRepository(name, policy.destination)} ~ ${chart}`
}
