/** The tasks of an execution, as a worker does them. */

import type { ContentName } from '../../core/chart.ts'
import type { Digest } from '../../core/descriptor.ts'
import { manifestOf } from '../../core/manifest.ts'
import { type Endpoint, ManifestMemory, type Route } from '../../engine/endpoint.ts'
import type { ImageTools } from '../../engine/images/tools.ts'
import { createRunner } from '../../engine/run/runner.ts'
import type { ExecutionRecord, GivenTask, TaskEnd } from '../protocol.ts'
import type { Sharing } from '../shared/sharing.ts'
import type { Doing } from './doing.ts'
import { createLearn } from './hanging.ts'
import { type StateTools, stateOf } from './state.ts'

/** Both sides of a policy, opened by the worker's own configuration. */
export interface OpenedSides {
  readonly source: Endpoint
  readonly routes: readonly Route[]
  readonly images?: ImageTools | undefined
  release(): Promise<void>
}

export interface TaskTools extends StateTools {
  /** Where the run wants to hear of requests, they are events of the tasks. */
  readonly openSides: (run: ExecutionRecord) => Promise<OpenedSides>
}

export async function openTasks(record: ExecutionRecord, sharing: Sharing, tools: TaskTools): Promise<Doing> {
  const { policy, thorough } = record
  const { source, routes, images, release } = await tools.openSides(record)
  /** What manifests were called, by their digests. */
  const named = new Map<string, ContentName>()
  const memory = new ManifestMemory()
  const learn = createLearn((repository) => source.adapter.repository(repository))
  const runTask = createRunner({
    policy,
    source,
    images,
    destinations: new Map(routes.map(({ destination }) => [destination.registry.name, destination])),
    state: stateOf(record, sharing, tools),
    memory,
    names: { find: (manifest) => named.get(manifest), keep: (manifest, called) => void named.set(manifest, called) },
    thorough,
    // Other workers may have left something anywhere since the plan.
    leftovers: true,
  })

  /** Just before it is taken from there. */
  function remember({ task, manifest }: GivenTask): void {
    if (!manifest || task.digest === undefined) return
    const bytes = Buffer.from(manifest.base64, 'base64')
    memory.keep(task.source.repository, manifestOf(bytes, manifest.type, task.digest))
  }

  function namesOf(manifest: Digest): Pick<TaskEnd, 'named'> {
    const called = named.get(manifest)
    if (!called) return {}
    named.delete(manifest)
    return { named: { manifest, name: called.name, beside: [...called.beside] } }
  }

  return {
    async carryOut(given, hanging, done, ctx) {
      if (!('task' in given)) throw new TypeError('a blob among the tasks of an execution')
      await learn(hanging, ctx)
      remember(given)
      await runTask(given.task, done, ctx, given.again)
    },
    resultOf: ({ written, platforms }) => ({
      ...(written === undefined ? {} : { written, ...namesOf(written) }),
      ...(platforms ? { platforms: [...platforms] } : {}),
    }),
    release,
  }
}
