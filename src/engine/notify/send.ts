/** Sends one message by each of several channels. A failure here is a warning. */

import { createHmac } from 'node:crypto'
import { basename } from 'node:path'
import { type Clock, systemClock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Post } from '../../core/http.ts'
import type { Channel } from '../../core/policy.ts'
import type { Secret } from '../../core/secret.ts'
import { withAttempts } from './attempts.ts'
import { runCommand } from './exec.ts'

/** What every channel needs of one message. */
export interface Message {
  /** What the log says was sent. */
  readonly about: string
  /** For a webhook, and for the standard input of a command: a CloudEvent. */
  readonly event: string
  /** For a chat. */
  readonly text: string
  /** For the environment of a command. */
  readonly facts: Readonly<Record<string, string>>
  /** For the arguments of a command, each in braces. */
  readonly words: Readonly<Record<string, string>>
}

/** What the program lends. */
export interface Outside {
  /** Absent: no webhooks are called. */
  readonly post?: Post | undefined
  /** The environment of commands, without this program's secrets. */
  readonly commandEnv?: (() => Readonly<Record<string, string | undefined>>) | undefined
  readonly clock?: Clock | undefined
}

export interface SendOptions extends Outside {
  /** Milliseconds for each channel including its retries; default 30 s. */
  readonly limit?: number
}

const LIMIT = 30_000

/** Never throws. */
export async function sendAll(
  channels: readonly Channel[],
  message: Message,
  { limit = LIMIT, ...outside }: SendOptions,
  ctx: Context,
): Promise<void> {
  const { clock = systemClock } = outside
  await Promise.all(
    channels.map(async (channel) => {
      const what = nameOf(channel)
      try {
        // A command is never run twice: it may already have acted.
        const options = { what, clock, limit, attempts: 'exec' in channel ? 1 : undefined }
        await withAttempts((trying) => send(channel, message, outside, trying), options, ctx)
        ctx.emit({ type: 'log', level: 'info', text: `${what} sent: ${message.about}` })
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        ctx.emit({ type: 'log', level: 'warning', text: `${what} failed: ${why}` })
      }
    }),
  )
}

async function send(channel: Channel, message: Message, outside: Outside, ctx: Context): Promise<void> {
  const { post, commandEnv = () => ({}), clock = systemClock } = outside
  const { event, text, facts, words } = message
  if ('exec' in channel) {
    const [file, ...args] = channel.exec
    const command = [file.reveal(), ...args.map((arg) => filledIn(arg.reveal(), words))] as const
    await runCommand({ command, env: { ...commandEnv(), ...facts }, input: event }, ctx)
    return
  }
  if ('slack' in channel) {
    const headers = { 'content-type': 'application/json' }
    await post?.({ url: channel.slack.reveal(), headers, body: JSON.stringify({ text }) }, ctx)
    return
  }
  const signed = channel.secret ? signature(channel.secret.reveal(), Math.floor(clock.now() / 1000), event) : {}
  const headers = { 'content-type': 'application/cloudevents+json; charset=utf-8', ...signed }
  await post?.({ url: channel.webhook.reveal(), headers, body: event }, ctx)
}

/** Signs the time together with the body, so that a captured request cannot be replayed later. `seconds` since 1970. */
function signature(secret: string, seconds: number, body: string): Readonly<Record<string, string>> {
  const hash = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return { 'x-replicate-timestamp': String(seconds), 'x-replicate-signature': `sha256=${hash}` }
}

function nameOf(channel: Channel): string {
  if ('exec' in channel) return `notification by ${basename(channel.exec[0].toJSON())}`
  return `notification to ${hostOf('slack' in channel ? channel.slack : channel.webhook)}`
}

function hostOf(url: Secret): string {
  return new URL(url.reveal()).host
}

function filledIn(argument: string, words: Message['words']): string {
  return argument.replaceAll(
    /\{(\w+)\}/g,
    (whole, name: string) => (Object.hasOwn(words, name) ? words[name] : undefined) ?? whole,
  )
}
