/** Sends a policy's notifications about the end of an execution. A failure here is a warning and never changes the execution's result. */

import { basename } from 'node:path'
import { type Clock, systemClock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Post } from '../../core/http.ts'
import type { Notification, NotifiedEnd, Policy } from '../../core/policy.ts'
import type { Secret } from '../../core/secret.ts'
import type { History, OwedEnd } from '../../history/history.ts'
import { attempt } from '../run/recording.ts'
import { withAttempts } from './attempts.ts'
import { cloudEvent, type Ended, factsOf, MOST_FAILED, signature, slackMessage } from './event.ts'
import { runCommand } from './exec.ts'

export interface NotifyRequest {
  readonly policy: Policy
  readonly history: History
  /** Absent: no webhooks are called. */
  readonly post?: Post | undefined
  /** The environment of commands, without this program's secrets. */
  readonly commandEnv?: (() => Readonly<Record<string, string | undefined>>) | undefined
  readonly clock?: Clock | undefined
}

/** Milliseconds for one notification including its retries; shorter if the run was stopped and a user waits for it to exit. */
const LIMIT = 30_000
const LIMIT_STOPPED = 5000

/** Call once an execution has begun. Then its end is notified even if this process dies: the policy's next run does it. */
export function oweNotification({ policy, history }: NotifyRequest, execution: number): void {
  if (policy.notify?.length) attempt(() => history.notifications.owe(execution))
}

/** Call while the lock is held. Sends the notifications of this execution, and of earlier ones of the policy whose process died before it
 *  could. Never throws. */
export async function notify(request: NotifyRequest, execution: number, ctx: Context): Promise<void> {
  const { policy, history } = request
  if (!policy.notify?.length) return
  for (const owed of attempt(() => history.notifications.owed(execution)) ?? []) {
    const end = attempt(() => endedOf(request, owed))
    if (end) await tell(request, end, ctx)
    attempt(() => history.notifications.settle(owed.execution))
  }
}

function endedOf({ policy, history }: NotifyRequest, { execution: id, attempt: number }: OwedEnd): Ended {
  return {
    policy,
    execution: history.executions.get(id),
    attempt: number,
    failed: [...history.tasks.list(id, { status: 'failed', limit: MOST_FAILED })],
    history: history.identity(),
  }
}

async function tell(request: NotifyRequest, end: Ended, ctx: Context): Promise<void> {
  const { policy, clock = systemClock } = request
  const { status } = end.execution
  const wanted = (policy.notify ?? []).filter(({ on }) => on.includes(status as NotifiedEnd))
  // A stopped run still sends its notifications, but with a short limit, since the user waits for the program to exit.
  const isStopped = ctx.signal.aborted
  const context = isStopped ? { ...ctx, signal: new AbortController().signal } : ctx
  const limit = isStopped ? LIMIT_STOPPED : LIMIT
  await Promise.all(
    wanted.map(async (one) => {
      const what = nameOf(one)
      try {
        // A command is never run twice: it may already have acted.
        const options = { what, clock, limit, attempts: 'exec' in one ? 1 : undefined }
        await withAttempts((trying) => deliver(one, request, end, trying), options, context)
        ctx.emit({ type: 'log', level: 'info', text: `${what} sent: execution ${end.execution.id} ${status}` })
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        ctx.emit({ type: 'log', level: 'warning', text: `${what} failed: ${why}` })
      }
    }),
  )
}

async function deliver(one: Notification, request: NotifyRequest, end: Ended, ctx: Context): Promise<void> {
  const { post, commandEnv = () => ({}), clock = systemClock } = request
  if ('exec' in one) {
    const [file, ...args] = one.exec
    const command = [file.reveal(), ...args.map((arg) => filledIn(arg.reveal(), end))] as const
    await runCommand({ command, env: { ...commandEnv(), ...factsOf(end) }, input: cloudEvent(end) }, ctx)
    return
  }
  if ('slack' in one) {
    const headers = { 'content-type': 'application/json' }
    await post?.({ url: one.slack.reveal(), headers, body: slackMessage(end) }, ctx)
    return
  }
  const body = cloudEvent(end)
  const signed = one.secret ? signature(one.secret.reveal(), Math.floor(clock.now() / 1000), body) : {}
  const headers = { 'content-type': 'application/cloudevents+json; charset=utf-8', ...signed }
  await post?.({ url: one.webhook.reveal(), headers, body }, ctx)
}

function nameOf(one: Notification): string {
  if ('exec' in one) return `notification by ${basename(one.exec[0].toJSON())}`
  return `notification to ${hostOf('slack' in one ? one.slack : one.webhook)}`
}

function hostOf(url: Secret): string {
  return new URL(url.reveal()).host
}

function filledIn(argument: string, { execution: { policy, id, status } }: Ended): string {
  const values: Readonly<Record<string, string>> = { policy, execution: String(id), status }
  return argument.replaceAll(/\{(policy|execution|status)\}/g, (whole, name: string) => values[name] ?? whole)
}
