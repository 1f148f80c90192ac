/** A policy in the words of its file, every default filled in; and as `--json` and the REST API have it. */

import { spelledDuration } from '../../core/duration.ts'
import type { Filters, Notification, Policy, PolicyDestination, Trigger } from '../../core/policy.ts'
import { routesOf } from '../../core/policy.ts'
import { nextRun } from '../../core/schedule.ts'
import type { Secret } from '../../core/secret.ts'
import type { TriggerKind } from '../../core/states.ts'
import type { DefinitionFacts } from './definition.ts'

/** What is known of a policy besides its file. */
export interface PolicyFacts {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly definition: DefinitionFacts
}

/** What `--json` has beside the words of the file. */
export interface PolicyJson extends DefinitionFacts {
  /** The name. */
  readonly id: string
  readonly name: string
  readonly src_registry: string
  /** The id of a registry is its name. */
  readonly src_registry_id: string
  /** Empty: every namespace that the credential sees. */
  readonly src_namespaces: readonly string[]
  readonly dest_registry: string
  readonly dest_registry_id: string
  /** Null: the source's own. */
  readonly dest_namespace: string | null
  /** What may start it, `manual` first. */
  readonly trigger_kinds: readonly TriggerKind[]
  readonly next_run: string | null
  readonly [word: string]: unknown
}

/** As in its YAML, and what is known of it besides. */
export function policyJson(policy: Policy, { now, definition }: PolicyFacts): PolicyJson {
  const next = nextRun(policy, now)
  const { source, destination, triggers } = policy
  return {
    id: policy.name,
    name: policy.name,
    ...policyDocument(policy),
    src_registry: source.registry,
    src_registry_id: source.registry,
    src_namespaces: source.namespaces ?? [],
    dest_registry: destination.registry,
    dest_registry_id: destination.registry,
    dest_namespace: destination.namespace ?? null,
    trigger_kinds: [...new Set<TriggerKind>(['manual', ...triggers.map(triggerKind)])],
    ...definition,
    next_run: next === undefined ? null : new Date(next).toISOString(),
  }
}

function triggerKind(trigger: Trigger): TriggerKind {
  if ('schedule' in trigger) return 'schedule'
  if ('event' in trigger) return 'event'
  return 'poll' in trigger ? 'poll' : 'pull'
}

/** Plain JSON; written as YAML it means the same policy. Secrets are replaced by what may be shown. */
export function policyDocument(policy: Policy): Readonly<Record<string, unknown>> {
  const { name: _, also: __, source, destination: ___, filters, retry, prepare, notify, ...plain } = policy
  const { digest, ...selecting } = filters
  const destinations = routesOf(policy).map(({ destination }) => writtenDestination(destination))
  return {
    ...plain,
    // A digest can only stand in a reference.
    source: digest === undefined ? source : `${source.registry}/${filters.name?.[0] ?? ''}@${digest}`,
    destination: destinations.length === 1 ? destinations[0] : destinations,
    filters: writtenFilters(digest === undefined ? selecting : without(selecting, 'name')),
    triggers: policy.triggers.map(writtenTrigger),
    retry: { ...retry, delay: spelledDuration(retry.delay) },
    ...(prepare ? { prepare: { ...prepare, handler: shown(prepare.handler) } } : {}),
    ...(notify ? { notify: notify.map(writtenNotification) } : {}),
  }
}

/** Without the fields that only `copy` sets. */
function writtenDestination({ repository: _, tag: __, ...destination }: PolicyDestination) {
  return destination
}

function writtenFilters({ pushed_within, min_age, ...filters }: Omit<Filters, 'digest'>) {
  return {
    ...filters,
    ...(pushed_within === undefined ? {} : { pushed_within: spelledDuration(pushed_within) }),
    ...(min_age === undefined ? {} : { min_age: spelledDuration(min_age) }),
  }
}

/** As a file has it. */
export function writtenTrigger(trigger: Trigger): { readonly [key: string]: string | true | string[] } {
  if ('schedule' in trigger) {
    const { schedule, timezone, catch_up } = trigger
    return {
      schedule,
      ...(timezone === undefined ? {} : { timezone }),
      ...(catch_up === undefined ? {} : { catch_up: spelledDuration(catch_up) }),
    }
  }
  if ('event' in trigger) return { event: [...trigger.event] }
  if ('poll' in trigger) return { poll: spelledDuration(trigger.poll) }
  return { pull: true, ...(trigger.max_age === undefined ? {} : { max_age: spelledDuration(trigger.max_age) }) }
}

function writtenNotification(notification: Notification) {
  const { on } = notification
  if ('exec' in notification) return { on, exec: notification.exec.map(shown) }
  if ('slack' in notification) return { on, slack: shown(notification.slack) }
  const { webhook, secret } = notification
  return { on, webhook: shown(webhook), ...(secret ? { secret: shown(secret) } : {}) }
}

function shown(secret: Secret): string {
  return secret.toJSON()
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value
  return rest
}
