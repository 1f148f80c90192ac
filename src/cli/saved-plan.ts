/** Plans kept in a file: `plan --out` writes one, `run --plan` applies it. An object a line, so that a million tasks need no memory: what
 *  the plan was made of, then each policy followed by its tasks. */

import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { PolicyPlan, SavedPlan } from '../app/app.ts'
import { type Digest, parseDigest } from '../core/descriptor.ts'
import { ConfigurationError } from '../core/errors.ts'
import type { TaskSpec } from '../core/plan.ts'
import { linesOf } from './lines-of.ts'
import { jsonLine } from './render/json.ts'
import type { Session } from './session.ts'
import { chunks } from './stream.ts'

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined)
const location = z.object({ registry: z.string(), repository: z.string(), tag: z.string().exactOptional() })
const taskFields = {
  action: z.enum(['copy', 'update', 'delete', 'keep', 'blocked']),
  resource_type: z.enum(['image', 'chart']),
  source: location,
  destination: location,
  digest: digest.exactOptional(),
  media_type: z.string().exactOptional(),
  size: z.int().nonnegative().exactOptional(),
  previous_digest: digest.exactOptional(),
  reason: z.string().exactOptional(),
  reason_code: z.string().exactOptional(),
  reason_kind: z.string().exactOptional(),
  hint: z.string().exactOptional(),
  new_repository: z.boolean().exactOptional(),
  unresolved: z.boolean().exactOptional(),
  referrers_only: z.boolean().exactOptional(),
  damaged: z.array(digest).exactOptional(),
  labels: z.array(z.string()).exactOptional(),
  removal: z
    .object({ attachments: z.array(z.string()), together: z.array(z.string()).exactOptional() })
    .exactOptional(),
  named_by: z.string().exactOptional(),
} satisfies Record<keyof TaskSpec, z.ZodType>
const schema = {
  beginning: z.object({ version: z.literal(2), targets: z.array(z.string()) }),
  policy: z.object({ policy: z.string() }),
  task: z.object(taskFields),
  end: z.object({ tasks: z.int() }),
}

/** A plan with what it was made of: files (absolute) and names as `run` takes them. */
export interface PlanFile extends SavedPlan {
  readonly targets: readonly string[]
}

/** Throws a `ConfigurationError` where the file cannot be written. */
export async function writePlanFile(
  session: Session,
  file: string,
  targets: readonly string[],
  plans: readonly PolicyPlan[],
): Promise<void> {
  const absolute = targets.map((target) => (/\.ya?ml$/i.test(target) ? resolve(session.cwd, target) : target))
  try {
    await writeFile(resolve(session.cwd, file), chunks(linesFor(absolute, plans)))
  } catch (cause) {
    throw new ConfigurationError(`cannot write the plan ${file}: ${reason(cause)}`, { cause })
  }
}

/** The last line distinguishes a whole plan from a truncated one. */
function* linesFor(targets: readonly string[], plans: readonly PolicyPlan[]): Generator<string> {
  yield jsonLine({ version: 2, targets })
  let count = 0
  for (const { policy, tasks } of plans) {
    yield jsonLine({ policy })
    for (const task of tasks) {
      count += 1
      yield jsonLine(task)
    }
  }
  yield jsonLine({ tasks: count })
}

/** Looks at all of it; tasks are read again where they are used. Throws a `ConfigurationError` if the file cannot be read or is not a
 *  plan of this version. */
export function readPlanFile(session: Session, file: string): PlanFile {
  const path = resolve(session.cwd, file)
  try {
    return checkedPlan(path)
  } catch (cause) {
    const malformed = cause instanceof z.ZodError || cause instanceof SyntaxError
    throw new ConfigurationError(
      `cannot read the plan ${file}: ${malformed ? 'it is not a plan of this version, or it is incomplete' : reason(cause)}`,
      { cause, hint: 'write it with `replicate plan --out FILE`' },
    )
  }
}

function checkedPlan(path: string): PlanFile {
  const policies: SavedPlan['policies'][number][] = []
  let targets: readonly string[] | undefined
  let count = 0
  let ended: number | undefined
  for (const { text, end } of linesOf(path, 0)) {
    const value: unknown = JSON.parse(text)
    if (ended !== undefined) throw new SyntaxError('something stands behind its end')
    if (!targets) targets = schema.beginning.parse(value).targets
    else if (has(value, 'tasks')) ended = schema.end.parse(value).tasks
    else if (policies.length === 0 || has(value, 'policy')) {
      const { policy } = schema.policy.parse(value)
      policies.push({ policy, tasks: { [Symbol.iterator]: () => tasksAt(path, end) } })
    } else {
      schema.task.parse(value)
      count += 1
    }
  }
  if (!targets || ended !== count) throw new SyntaxError('it has no end, or not all of its tasks')
  return { targets, policies }
}

/** Up to the next policy, or the end. */
function* tasksAt(path: string, offset: number): Generator<TaskSpec> {
  for (const { text } of linesOf(path, offset)) {
    const value: unknown = JSON.parse(text)
    if (has(value, 'policy') || has(value, 'tasks')) return
    yield schema.task.parse(value)
  }
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && key in value
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
