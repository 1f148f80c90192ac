/** `replicate copy`: a policy of one use, made of two references. */

import type { App } from '../../app/app.ts'
import { ConfigurationError } from '../../core/errors.ts'
import type { Task } from '../../core/execution.ts'
import { plural } from '../../core/plural.ts'
import { formatResource, type Resource } from '../../core/reference.ts'
import { type Conclude, executePolicies } from '../execute.ts'
import type { RunFlags } from '../options.ts'
import { printable } from '../render/format.ts'
import { jsonLine } from '../render/json.ts'
import type { Session } from '../session.ts'
import { chunks } from '../stream.ts'
import { showPlans } from './plan.ts'

export interface CopyFlags extends Omit<RunFlags, 'referrers'> {
  readonly platform?: readonly string[]
  /** False with `--no-referrers`. */
  readonly referrers?: 'all' | 'changed' | false
  readonly override: boolean
}

export async function copy(session: Session, source: string, destination: string, given: CopyFlags): Promise<number> {
  const { referrers, ...flags } = given
  if (source === '' || destination === '') throw new ConfigurationError('source and destination must not be empty')
  const app = await session.app()
  const configuration = await app.configuration([])
  const policy = await session.parts.copyPolicy(
    {
      source,
      destination,
      referrers: referrers !== false,
      override: flags.override,
      ...(flags.platform === undefined ? {} : { platforms: flags.platform }),
    },
    configuration,
  )
  const selection = { configuration, policies: [policy] }
  const running: RunFlags = referrers ? { ...flags, referrers } : flags
  return running.dryRun
    ? showPlans(session, app, selection, running)
    : executePolicies(session, app, selection, running, resultsOf(session, app))
}

/** What was there already is kept up to here, to be printed at the end. */
const MOST_KEPT = 10_000

/** Prints where each artifact is now, and under which digest: `HOST/REPO:TAG@sha256:…`, one a line. */
function resultsOf(session: Session, app: App): { same(resource: Resource): void; conclude: Conclude } {
  const kept: Resource[] = []
  let more = 0
  function* lines(execution: number, tasks: Iterable<Task>): Generator<string> {
    for (const { status, dest_resource, dest_digest } of tasks) {
      if (status === 'succeeded' && dest_digest) yield line(withoutDigest(dest_resource), dest_digest, execution)
    }
    for (const { digest = '', ...place } of kept) yield line(formatResource(place), digest, execution)
  }
  function line(resource: string, digest: string, execution: number): string {
    if (session.json) return jsonLine({ type: 'result', execution_id: execution, resource, digest })
    return `${printable(`${resource}@${digest}`)}\n`
  }
  return {
    same(resource) {
      if (kept.length < MOST_KEPT) kept.push(resource)
      else more += 1
    },
    async conclude({ execution }) {
      if (!execution || session.quiet) return
      const history = await app.records()
      for (const text of chunks(lines(execution.id, history.tasks.list(execution.id)))) session.stdout.write(text)
      if (more > 0) session.stderr.write(`${plural(more, 'further artifact')} unchanged, not listed here\n`)
    },
  }
}

function withoutDigest(resource: string): string {
  return resource.replace(/@[^@/]*$/, '')
}
