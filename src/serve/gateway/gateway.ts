/** The pull gateway: answers the read half of the distribution API, and brings what clients pull and the destination lacks. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Context } from '../../core/context.ts'
import { CancelledError, describeError } from '../../core/errors.ts'
import type { Daemon, Part } from '../parts.ts'
import { type Artifacts, createArtifacts, type FoundManifest } from './artifacts.ts'
import { createUsers } from './auth/users.ts'
import { answerBlob, partWanted } from './http/blobs.ts'
import { answerReferrers, answerTags } from './http/lists.ts'
import { type Asked, askedBy, namespaceIn, TOKEN_PATH } from './http/path.ts'
import { begin, ClientGone, type Exchange, exchangeOf, refuse, reply } from './http/reply.ts'
import { createOpenings } from './policy/openings.ts'
import { placesOf, type Target, targetsOf } from './policy/targets.ts'
import { Pulls } from './pull/pulls.ts'
import { createSpools, type SpoolLimits } from './pull/spool.ts'
import { Refusal, refusalFor } from './refusal.ts'

/** Bytes of a form for the token service. */
const FORM_LIMIT = 16 * 1024
/** What of blobs that are on their way is kept for clients, in bytes and in sum: a part of a small machine's memory. */
const SPOOLED: SpoolLimits = {
  memory: Math.min(256 * 1024 * 1024, Math.floor((process.constrainedMemory() || totalmem()) / 16)),
  disk: 2 * 1024 * 1024 * 1024,
}

export function startGateway(daemon: Daemon): Part {
  const { program, signal } = daemon
  const ctx: Context = { signal, emit: () => {} }
  const spools = createSpools(join(dirname(program.history.file), 'pulls'), daemon.spooled ?? SPOOLED)
  const pulls = new Pulls({ daemon, spools, named: (pull, blob) => artifacts.named(pull, blob) })
  const artifacts: Artifacts = createArtifacts({ history: program.history, clock: program.clock, pulls, ctx })
  const users = createUsers(() => daemon.current().settings, program.clock)
  const openings = createOpenings(program)
  let targets: readonly Target[] | undefined

  const current = (): readonly Target[] => {
    targets ??= targetsOf(daemon.current().configuration, { program, openings })
    return targets
  }

  async function answer(exchange: Exchange, url: string, form?: URLSearchParams): Promise<void> {
    const asked = askedBy(url)
    const json = { 'content-type': 'application/json' }
    if (asked.kind === 'token') return reply(exchange, 200, json, users.token(exchange.request, url, form))
    const client = users.clientOf(exchange.request, asked.kind === 'base' ? undefined : asked.name)
    if (asked.kind === 'base') return reply(exchange, 200, json, '{}')
    const allowed = current().filter(({ policy }) => client.policies?.has(policy.name) ?? true)
    const places = await placesOf({ name: asked.name, host: namespaceIn(url) }, allowed)
    const isHead = exchange.request.method === 'HEAD'
    const asker = { head: isHead, user: client.user, signal: exchange.signal }
    // A list is read for one client alone.
    const own = { ...ctx, signal: AbortSignal.any([ctx.signal, exchange.signal]) }
    if (asked.kind === 'tags') return answerTags(exchange, asked, places, artifacts.arriving, own)
    if (asked.kind === 'referrers') {
      for (const place of places) await artifacts.settled(place, asked.digest, asker)
      return answerReferrers(exchange, asked, places, own)
    }
    if (asked.kind === 'blob') {
      const found = await artifacts.blob(places, asked.digest, { ...asker, part: partWanted(exchange) })
      const { hit, bytes } = await answerBlob(exchange, found, ctx)
      return daemon.tell({ type: 'gateway', policy: found.place.target.policy.name, hit, bytes, saved: false })
    }
    const found = await (asked.tag === undefined
      ? artifacts.byDigest(places, asked.digest, asker)
      : artifacts.tagged(places, asked.tag, asker))
    answerManifest(exchange, found)
    const bytes = isHead ? 0 : found.descriptor.size
    daemon.tell({
      type: 'gateway',
      policy: found.place.target.policy.name,
      hit: found.hit,
      bytes,
      saved: found.hit && !isHead,
    })
  }

  async function handle(request: IncomingMessage, response: ServerResponse, form?: URLSearchParams): Promise<void> {
    const exchange = exchangeOf(request, response)
    const url = request.url ?? '/'
    try {
      await answer(exchange, url, form)
    } catch (error) {
      failed(exchange, url, error)
    }
  }

  function failed(exchange: Exchange, url: string, error: unknown): void {
    const { response, signal: left } = exchange
    if (error instanceof ClientGone || (left.aborted && error instanceof CancelledError)) return
    const refusal = refusalFor(error, codeFor(url))
    if (!refusal)
      daemon.tell({
        type: 'log',
        level: 'error',
        text: `gateway: ${String(error instanceof Error ? error.stack : error)}`,
      })
    else if (refusal.status >= 500) daemon.tell({ type: 'log', level: 'warning', text: `gateway: ${refusal.detail}` })
    if (response.headersSent || response.destroyed) response.destroy()
    else refuse(exchange, refusal ?? new Refusal(500, 'UNAVAILABLE', describeError(error)))
  }

  daemon.http.register(async (app) => {
    const type = 'application/x-www-form-urlencoded'
    app.addContentTypeParser(
      type,
      { parseAs: 'string', bodyLimit: FORM_LIMIT },
      async (_: unknown, body: string) => body,
    )
    app.post(TOKEN_PATH, async ({ raw, body }, response) => {
      response.hijack()
      await handle(raw, response.raw, new URLSearchParams(typeof body === 'string' ? body : ''))
    })
    app.route({
      method: ['GET', 'HEAD'],
      url: '/v2/*',
      handler: async (request, response) => {
        response.hijack()
        await handle(request.raw, response.raw)
      },
    })
  })

  const stopListening = daemon.events.listen((registry, events) => {
    const told = current().filter(({ policy }) => policy.source.registry === registry)
    for (const { policy } of told) for (const event of events) artifacts.told(policy.name, event)
  })

  return {
    get running() {
      return pulls.running
    },
    reloaded() {
      targets = undefined
      openings.leaveAll()
      artifacts.clear()
    },
    async ended() {
      stopListening()
      await pulls.ended()
      await Promise.all([spools.close(), openings.close()])
    },
  }
}

function codeFor(url: string): 'BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN' {
  let asked: Asked | undefined
  try {
    asked = askedBy(url)
  } catch {
    // It was refused for what it is.
  }
  return asked?.kind === 'blob' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN'
}

function answerManifest(exchange: Exchange, { descriptor, manifest, warning }: FoundManifest): void {
  const { digest, mediaType, size } = descriptor
  const headers = {
    'content-type': mediaType,
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    ...(warning === undefined ? {} : { warning }),
  }
  if (manifest) reply(exchange, 200, headers, manifest.bytes)
  else begin(exchange, 200, { ...headers, 'content-length': String(size) }).end()
}
