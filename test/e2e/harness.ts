/** The program in this process: a policy in YAML, run as `replicate run` would, with a state directory of its own. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type App,
  type AppOptions,
  createApp,
  type PlanOptions,
  type PolicyOutcome,
  type RunOptions,
} from '../../src/app/app.ts'
import type { Configuration } from '../../src/config/load.ts'
import type { Context } from '../../src/core/context.ts'
import type { Verification } from '../../src/core/drift.ts'
import type { Event } from '../../src/core/events.ts'
import type { Execution, Task } from '../../src/core/execution.ts'
import type { PlannedAction, PolicyPlan, TaskSpec } from '../../src/core/plan.ts'
import type { Policy } from '../../src/core/policy.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface Ran {
  readonly outcomes: readonly PolicyOutcome[]
  /** Of the first policy. */
  readonly outcome: PolicyOutcome
  readonly tasks: readonly Task[]
  readonly events: readonly Event[]
  readonly logs: readonly string[]
}

/** A plan that is no longer than a test can hold. */
export interface ListedPlan extends PolicyPlan {
  readonly actions: readonly PlannedAction[]
  readonly tasks: readonly TaskSpec[]
}

export interface Workplace {
  readonly directory: string
  readonly home: string
  run(
    yaml: string,
    options?: RunOptions & { readonly signal?: AbortSignal; readonly onEvent?: (event: Event) => void },
  ): Promise<Ran>
  /** An earlier execution, continued. */
  resume(yaml: string, execution: number): Promise<Execution | undefined>
  plan(yaml: string, options?: PlanOptions): Promise<ListedPlan>
  verify(yaml: string): Promise<Verification>
}

/** Every blob goes through one other thread. */
export const EVERYTHING_CARRIED = { threads: 1, smallest: 0, always: true }
/** With `REPLICATE_TEST_CARRIED=1` that is so in all tests. */
const CARRIED = process.env.REPLICATE_TEST_CARRIED === '1'

/** One state directory; runs in it follow each other as they would for a user. */
export function workplace(
  env: Readonly<Record<string, string>> = {},
  timing?: AppOptions['timing'],
  carriers: AppOptions['carriers'] = CARRIED ? EVERYTHING_CARRIED : undefined,
): Workplace {
  const directory = temporaryDirectory()
  const home = join(directory, 'home')
  const open = (yaml: string) => {
    writeFileSync(join(directory, 'policy.yaml'), yaml)
    return createApp({
      env: {
        HOME: directory,
        XDG_CONFIG_HOME: join(directory, 'none'),
        DOCKER_CONFIG: join(directory, 'none'),
        ...env,
      },
      home,
      cwd: directory,
      stdin: async () => '',
      ...(timing ? { timing } : {}),
      ...(carriers ? { carriers } : {}),
    })
  }
  /** For what only looks at the first policy. */
  async function looking<T>(
    yaml: string,
    look: (app: App, policy: Policy, configuration: Configuration, ctx: Context) => Promise<T>,
  ): Promise<T> {
    const app = open(yaml)
    try {
      const configuration = await app.configuration(['policy.yaml'])
      const [policy] = configuration.policies
      if (!policy) throw new Error('no policy')
      return await look(app, policy, configuration, { signal: new AbortController().signal, emit: () => {} })
    } finally {
      await app.close()
    }
  }
  return {
    directory,
    home,
    async run(yaml, { signal = new AbortController().signal, onEvent = () => {}, ...options } = {}) {
      const app = open(yaml)
      const events: Event[] = []
      const emit = (event: Event): void => {
        events.push(event)
        onEvent(event)
      }
      try {
        const configuration = await app.configuration(['policy.yaml'])
        const outcomes: PolicyOutcome[] = []
        for await (const outcome of app.run(configuration.policies, configuration, options, () => {}, {
          signal,
          emit,
        })) {
          outcomes.push(outcome)
        }
        const [outcome] = outcomes
        if (!outcome) throw new Error('no policy ran')
        const history = await app.history()
        const id = outcome.execution?.id
        const tasks = id === undefined ? [] : [...history.tasks.list(id)]
        const logs = id === undefined ? [] : [...history.logs.list(id)].map((line) => line.text)
        return { outcomes, outcome, tasks, events, logs }
      } finally {
        await app.close()
      }
    },
    async plan(yaml, options = {}) {
      return looking(yaml, async (app, policy, configuration, ctx) => {
        const plan = await app.plan(policy, configuration, options, ctx)
        return { ...plan, actions: [...plan.actions], tasks: [...plan.tasks] }
      })
    },
    resume: (yaml, execution) =>
      looking(yaml, async (app, _policy, _configuration, ctx) => {
        for await (const outcome of app.again({ how: 'resume', execution }, {}, () => {}, ctx)) return outcome.execution
        return undefined
      }),
    verify: (yaml) =>
      looking(yaml, (app, policy, configuration, ctx) => app.verify(policy, configuration, {}, () => {}, ctx)),
  }
}

/** Two registries and one policy, the usual case. `extra` is YAML of the policy, two spaces deep. */
export function policyBetween(source: string, destination: string, extra = ''): string {
  return `
registries:
  from: { type: docker-registry, url: ${source} }
  to: { type: docker-registry, url: ${destination} }
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: mirror, flatten: 0 }
    retry: { attempts: 1, delay: 1s }
${extra}`
}
