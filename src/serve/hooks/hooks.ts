/** `POST /hooks/REGISTRY`: a registry tells what happened in it. A delivery proves where it comes from before it is read, and is in the
 *  history before it is answered. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RegistryEvent } from '../../core/adapter.ts'
import { messageOf, RegistryError } from '../../core/errors.ts'
import type { Daemon, Part } from '../parts.ts'
import { BODY_LIMIT, checkContent, createRoom, parsedBody, tooLarge } from './body.ts'
import { createDoor, nameIn, type Visit } from './door.ts'
import { later, problemOf, Refusal } from './refusal.ts'
import { boundedEvents } from './told.ts'
import { createUnheard } from './unheard.ts'

/** A request past the door. */
interface Guest {
  readonly visit: Visit
  /** It has proved itself before its body came. */
  readonly proven: boolean
  /** How many events it brought that are new. */
  taken: number
}

/** Seconds after which a registry may try again what could not be kept. */
const PAUSE = 10
const METHODS = ['POST', 'OPTIONS'] as const

export async function startHooks(daemon: Daemon): Promise<Part> {
  await daemon.http.register(async (app) => addRoutes(app, daemon))
  const sayUnheard = createUnheard(daemon)
  await sayUnheard()
  return { reloaded: () => void daemon.keep('the webhooks', sayUnheard()), ended: () => Promise.resolve() }
}

function addRoutes(app: FastifyInstance, daemon: Daemon): void {
  const door = createDoor(daemon)
  const room = createRoom()
  const guests = new WeakMap<FastifyRequest, Guest>()
  const complain = createComplaints(daemon)

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
    async (_request: unknown, body: Buffer) => body,
  )
  // Before the body is read, so that most refusals cost nothing.
  app.addHook('onRequest', async (request, reply) => {
    const { method } = request
    if (!METHODS.some((known) => known === method)) {
      throw new Refusal(405, `webhooks are sent by POST, not by ${method}`, { headers: { allow: 'POST' } })
    }
    const visit = await door.visit(request)
    if (method === 'POST') checkContent(visit.headers, visit.type.hooks)
    guests.set(request, { visit, proven: await door.prove(visit), taken: 0 })
    if (method === 'POST') room.reserve(visit.headers, reply.raw)
  })
  app.addHook('onResponse', async (request, { statusCode: status }) => {
    const name = nameIn(request)
    if (request.method !== 'POST' || !daemon.current().configuration.registries.has(name)) return
    daemon.tell({ type: 'delivery', registry: name, status, events: guests.get(request)?.taken ?? 0 })
  })
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error)
    complain(nameIn(request), refusal)
    return reply.code(refusal.status).headers(refusal.headers).type('application/problem+json').send(problemOf(refusal))
  })

  app.all('/hooks/:registry', async (request, reply) => {
    const guest = guests.get(request)
    if (!guest) throw new TypeError('a request came past the door')
    return request.method === 'OPTIONS' ? greet(request, reply) : deliver(guest, request.body, reply)
  })

  async function deliver(guest: Guest, received: unknown, reply: FastifyReply): Promise<FastifyReply> {
    const { registry, type, headers } = guest.visit
    const body = received instanceof Uint8Array ? received : new Uint8Array()
    if (!guest.proven) door.proveBody(guest.visit, body)
    const delivery = { headers, body: parsedBody(body, headers) }
    const greeting = await type.greetHook?.(delivery)
    if (greeting) {
      const { note, answer = {} } = greeting
      if (note !== undefined) daemon.tell({ type: 'log', level: 'warning', text: `registry ${registry.name}: ${note}` })
      return reply.code(200).send(answer)
    }
    const events = boundedEvents((await type.parseEvents?.(delivery)) ?? [], body, !guest.proven)
    if (events.length > 0) guest.taken = taken(registry.name, events, daemon)
    return reply.code(202).send({ events: guest.taken })
  }
}

function taken(registry: string, events: readonly RegistryEvent[], daemon: Daemon): number {
  try {
    return daemon.events.take(registry, events, 'event')
  } catch (cause) {
    throw later('the events could not be kept; send them again', PAUSE, cause)
  }
}

/** What CloudEvents asks before anything is sent.
 *
 *  https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection */
function greet({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { 'webhook-request-origin': origin } = headers
  if (typeof origin === 'string') reply.header('webhook-allowed-origin', origin).header('webhook-allowed-rate', '*')
  return reply.header('allow', METHODS.join(', ')).code(200).send()
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  // What an adapter says of a body that its vendor would not send.
  if (error instanceof RegistryError && error.status === 400) {
    return new Refusal(400, error.message, { hint: error.hint })
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status === 413) return tooLarge()
  if (status >= 400 && status < 500) return new Refusal(status, messageOf(error))
  return new Refusal(500, 'the webhook could not be taken', { cause: error })
}

/** Milliseconds. */
const SAID_EACH = 60_000

/** Says in the log what was refused, once a minute for each registry and status: strangers may send as much as they like. */
function createComplaints({ program, current, tell }: Daemon): (registry: string, refusal: Refusal) => void {
  const said = new Map<string, number>()
  return (name, { status, message, hint, cause }) => {
    const isKnown = current().configuration.registries.has(name)
    const key = `${status} ${isKnown ? name : ''}`
    const now = program.clock.monotonic()
    if (now - (said.get(key) ?? Number.NEGATIVE_INFINITY) < SAID_EACH) return
    said.set(key, now)
    const why = cause === undefined ? message : `${message}: ${messageOf(cause)}`
    const text = `a webhook${isKnown ? ` of registry ${name}` : ''} was refused (${status}): ${why}`
    tell({
      type: 'log',
      level: status < 500 ? 'warning' : 'error',
      text: hint === undefined ? text : `${text}; ${hint}`,
    })
  }
}
