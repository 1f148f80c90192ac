/** Notifies the handlers of the configuration that a registry has become healthy or unhealthy. */

import type { Context } from '../../core/context.ts'
import { placeOf, type Registry } from '../../core/registry.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import { enveloped, escaped } from '../../engine/notify/event.ts'
import { type Message, sendAll } from '../../engine/notify/send.ts'
import type { Daemon } from '../parts.ts'

export interface Change {
  readonly registry: Registry
  /** Why it is unhealthy; undefined where it is healthy again. */
  readonly reason: string | undefined
  /** Milliseconds since 1970. */
  readonly time: number
}

/** Never throws; what could not be sent is a warning. */
export async function notifyChange(daemon: Daemon, change: Change, signal: AbortSignal): Promise<void> {
  const status = change.reason === undefined ? 'healthy' : 'unhealthy'
  const wanted = (daemon.current().settings.notify ?? []).filter(({ on }) => on.includes(status))
  if (wanted.length === 0) return
  const { history, clock, outside } = daemon.program
  const emit: Context['emit'] = (event) => {
    if (event.type === 'log')
      daemon.tell({ type: 'log', level: event.level === 'warning' ? 'warning' : 'info', text: event.text })
  }
  await sendAll(wanted, messageOf(change, status, history.identity()), { ...outside, clock }, { signal, emit })
}

function messageOf({ registry, reason, time }: Change, status: 'healthy' | 'unhealthy', history: string): Message {
  const { name, type } = registry
  const url = withoutUserinfo(placeOf(registry), '')
  const at = new Date(time).toISOString()
  const data = { registry: name, registry_type: type, url, status, status_reason: reason ?? null, status_since: at }
  return {
    about: `registry ${name} ${status}`,
    event: enveloped({
      id: `${name}.${time}`,
      type: `io.replicate.registry.${status}`,
      subject: name,
      time: at,
      history,
      data,
    }),
    text: [
      `${reason === undefined ? ':white_check_mark:' : ':x:'} registry *${escaped(name)}* is ${status}`,
      escaped(reason === undefined ? url : `${url}: ${reason}`),
    ].join('\n'),
    facts: {
      REPLICATE_REGISTRY: name,
      REPLICATE_REGISTRY_URL: url,
      REPLICATE_STATUS: status,
      REPLICATE_ERROR: reason ?? '',
    },
    words: { registry: name, status },
  }
}
