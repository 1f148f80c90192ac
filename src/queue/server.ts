/** The connection to Redis or Valkey, which is checked before anything relies on it. */

import type { SecureContext } from 'node:tls'
import { Redis } from 'ioredis'
import type { WorkersSettings } from '../config/workers.ts'
import { throwIfAborted } from '../core/cancel.ts'
import { CredentialError, hasCode, messageOf, NetworkError, QueueError, ReplicateError } from '../core/errors.ts'
import { type Keys, keysOf } from './keys.ts'
import { createSharing, type Sharing } from './shared/sharing.ts'

export interface QueueServer {
  readonly settings: WorkersSettings
  readonly keys: Keys
  readonly client: Redis
  /** Connections are refused: it serves no one. */
  readonly isDown: boolean
  /** What all processes of the installation share. */
  readonly sharing: Sharing
  /** A connection of its own, for commands that block. Closed with the server. */
  another(): Redis
  close(): Promise<void>
}

/** How the server is reached. */
export interface QueueAccess {
  /** Whom `rediss://` trusts, and as whom it shows itself. */
  readonly tls?: SecureContext | undefined
  /** What is wrong with TLS or with a certificate; undefined for any other failure. */
  readonly tlsProblem: (error: unknown) => { readonly message: string; readonly hint?: string } | undefined
}

/** In milliseconds. */
const CONNECT_WITHIN = 10_000
const LONGEST_PAUSE = 2000
const ANSWER_WITHIN = 5000
/** Between two signs of life on an idle connection: a path that was cut silently is noticed. */
const KEEP_ALIVE = 10_000

/** BullMQ runs on older ones, with warnings. */
const OLDEST = [6, 2] as const

/** Throws an error with exit status 3 where the server cannot be used, and says why. */
export async function openQueueServer(
  settings: WorkersSettings,
  access: QueueAccess,
  signal: AbortSignal,
): Promise<QueueServer> {
  throwIfAborted(signal)
  await examine(settings, access)
  throwIfAborted(signal)
  const reach = reaching(access)
  const opened = new Set<Redis>()
  let isDown = false
  const open = (more: { readonly commandTimeout?: number } = {}): Redis => {
    const client = new Redis(settings.queue.reveal(), {
      ...reach,
      ...more,
      maxRetriesPerRequest: null,
      retryStrategy: (times) => Math.min(times * 100, LONGEST_PAUSE),
    })
    // Losses are told by those who wait for answers.
    client.on('error', (error) => {
      isDown = hasCode(error, 'ECONNREFUSED')
    })
    client.on('connect', () => {
      isDown = false
    })
    // One that was ended for good is forgotten: each run has some of its own.
    client.once('end', () => opened.delete(client))
    opened.add(client)
    return client
  }
  const keys = keysOf(settings)
  // Bytes and requests do not wait for a server that hangs.
  const shared = open({ commandTimeout: ANSWER_WITHIN })
  const sharing = createSharing(shared, keys.shared, { isDown: () => isDown })
  try {
    // What is shared is shared from the first request on.
    await shared.ping()
  } catch (error) {
    for (const client of opened) client.disconnect()
    throw failure(error, settings.shown, access)
  }
  return {
    settings,
    keys,
    sharing,
    client: open(),
    get isDown() {
      return isDown
    },
    another: () => open(),
    async close() {
      sharing.close()
      for (const client of opened) client.disconnect()
    },
  }
}

function reaching({ tls }: QueueAccess) {
  return {
    connectTimeout: CONNECT_WITHIN,
    keepAlive: KEEP_ALIVE,
    // One that was restarted answers nothing else until it has read its file.
    enableReadyCheck: true,
    ...(tls === undefined ? {} : { tls: { secureContext: tls } }),
  }
}

/** One look at the server, without a second attempt. */
async function examine({ queue, shown }: WorkersSettings, access: QueueAccess): Promise<void> {
  const client = new Redis(queue.reveal(), { ...reaching(access), lazyConnect: true, retryStrategy: () => null })
  let last: unknown
  client.on('error', (error) => {
    last ??= error
  })
  try {
    const info = await within(CONNECT_WITHIN, async () => {
      await client.connect()
      return client.info()
    })
    // A database that is not there is told by an event alone.
    if (last !== undefined) throw last
    refuseUnfit(info, shown)
  } catch (error) {
    throw error instanceof ReplicateError ? error : failure(last ?? error, shown, access)
  } finally {
    client.disconnect()
  }
}

function refuseUnfit(info: string, shown: string): void {
  const fields = new Map(
    info.split(/\r?\n/).map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1)]
    }),
  )
  const version = fields.get('redis_version') ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new QueueError(`the queue at ${shown} is Redis ${version || 'of an unknown version'}, which is too old`, {
      hint: 'use Redis 6.2 or newer, or Valkey',
    })
  }
  const policy = fields.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    throw new QueueError(
      `the queue at ${shown} may throw tasks away: its \`maxmemory-policy\` is ${policy}, and must be noeviction`,
      { hint: '`CONFIG SET maxmemory-policy noeviction`, and the same in redis.conf' },
    )
  }
}

function failure(error: unknown, shown: string, { tls, tlsProblem }: QueueAccess): ReplicateError {
  const untrusted = tlsProblem(error)
  if (untrusted) {
    const { message, hint } = untrusted
    return new NetworkError(`the queue at ${shown} cannot be used: ${message}`, {
      cause: error,
      hint,
      retryable: false,
    })
  }
  const text = messageOf(error)
  const hint = `the URL in \`workers: {queue: …}\` has it: \`rediss://USER:\${VARIABLE}@HOST:PORT\``
  if (/\bNOAUTH\b/.test(text)) {
    return new CredentialError(`the queue at ${shown} needs a password`, { cause: error, missing: true, hint })
  }
  if (/\b(WRONGPASS|invalid password|no password is set)\b/i.test(text)) {
    return new CredentialError(`the queue at ${shown} refuses the password: ${text}`, { cause: error, hint })
  }
  if (/\bNOPERM\b/.test(text)) {
    return new CredentialError(`the queue at ${shown} does not let this user do what the queue needs: ${text}`, {
      cause: error,
    })
  }
  return new NetworkError(`the queue at ${shown} cannot be used: ${text}`, {
    cause: error,
    // One that wants a certificate may close the connection before it has said so; one without TLS waits for more.
    hint:
      tls === undefined
        ? 'check that Redis runs there, and `workers: {queue: …}`, which is `rediss://` where it speaks TLS'
        : 'check that Redis speaks TLS there; one that wants a certificate of its clients gets `client_cert:` and `client_key:` of `workers`',
  })
}

async function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within 10 s')), milliseconds)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}
