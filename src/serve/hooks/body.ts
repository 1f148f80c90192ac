/** The body of a delivery: JSON by whichever name its sender calls it, within bounds. */

import type { ServerResponse } from 'node:http'
import type { Delivery } from '../../core/adapter.ts'
import { parseJson } from '../../core/foreign.ts'
import type { HookFacts } from '../../core/hooks.ts'
import { later, Refusal } from './refusal.ts'

/** Bytes. */
export const BODY_LIMIT = 1024 * 1024
/** Of all bodies that are held at once. */
const ROOM = 64 * BODY_LIMIT

const JSON_TYPE = /^application\/(?:json|[\w.+-]+\+json)\s*(?:;|$)/i
/** Amazon's SNS says so of its JSON. */
const TEXT = /^text\/plain\s*(?:;|$)/i
const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i

/** Throws a `Refusal` for a body that would not be read. */
export function checkContent(headers: Delivery['headers'], facts: HookFacts | undefined): void {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers
  if (Number(headers['content-length'] ?? 0) > BODY_LIMIT) throw tooLarge()
  if (encoding.toLowerCase() !== 'identity') throw new Refusal(415, 'a compressed body is not read')
  if (type === '' || JSON_TYPE.test(type) || TEXT.test(type) || (facts?.form && FORM.test(type))) return
  throw new Refusal(415, `a body of type ${type.slice(0, 100)} is not read`, {
    hint: 'send JSON, with `Content-Type: application/json`',
  })
}

export function tooLarge(): Refusal {
  return new Refusal(413, 'the body is larger than 1 MiB')
}

export interface Room {
  /** Until the answer is out, or its connection gone. Throws a `Refusal` where others have it all. */
  reserve(headers: Delivery['headers'], answer: ServerResponse): void
}

/** Bodies of strangers wait here until they are whole: how much that may be, in all. */
export function createRoom(): Room {
  let taken = 0
  return {
    reserve({ 'content-length': length }, answer) {
      const size = length === undefined ? BODY_LIMIT : Number(length)
      if (taken + size > ROOM) throw later('too many webhooks come at once; send it again', 1)
      taken += size
      answer.once('close', () => {
        taken -= size
      })
    },
  }
}

/** Throws a `Refusal` for what is not JSON. */
export function parsedBody(body: Uint8Array, { 'content-type': type = '' }: Delivery['headers']): unknown {
  const form = FORM.test(type) ? new URLSearchParams(Buffer.from(body).toString('utf8')).get('payload') : undefined
  if (form === null) throw new Refusal(400, 'the form has no field `payload`')
  try {
    return parseJson(form ?? body)
  } catch (cause) {
    throw new Refusal(400, `the body cannot be read: ${cause instanceof Error ? cause.message : 'not JSON'}`, { cause })
  }
}
