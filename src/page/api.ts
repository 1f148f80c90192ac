/** Asks the API of the daemon that the page comes from. */

import type { Problem } from '../serve/api/schema/problem.ts'

/** A request that was not done, and why. */
export class Refused extends Error {
  readonly problem: Problem & Readonly<Record<string, unknown>>
  constructor(problem: Problem & Readonly<Record<string, unknown>>) {
    super(problem.message)
    this.problem = problem
  }
}

export interface Answer<T> {
  readonly body: T
  readonly status: number
  readonly etag: string | undefined
  /** Of a list. */
  readonly total: number
}

export interface Request {
  readonly body?: unknown
  readonly ifMatch?: string | undefined
  readonly signal?: AbortSignal
}

/** Called where the daemon knows of no session. */
let expired = (): void => {}
export function onExpired(callback: () => void): void {
  expired = callback
}

/** `path` below /api. Throws a `Refused`. */
export async function ask<T>(method: string, path: string, request: Request = {}): Promise<Answer<T>> {
  const answer = await send(method, path, request)
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') ?? false
  const body = isJson ? JSON.parse(text) : text
  if (!answer.ok) throw refused(answer.status, body, path)
  return {
    body,
    status: answer.status,
    etag: answer.headers.get('etag') ?? undefined,
    total: Number(answer.headers.get('x-total-count') ?? 0),
  }
}

/** Each line of an answer as it comes. */
export async function* askLines<T>(method: string, path: string, request: Request = {}): AsyncGenerator<T> {
  const answer = await send(method, path, request)
  if (!answer.ok || !answer.body) throw refused(answer.status, parsed(await answer.text()), path)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    text += value ?? ''
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
    if (done) break
  }
  if (text.trim() !== '') yield JSON.parse(text)
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask<T>('GET', path, signal ? { signal } : {})).body
}

async function send(method: string, path: string, { body, ifMatch, signal }: Request): Promise<Response> {
  try {
    return await fetch(`/api${path}`, {
      method,
      headers: {
        'x-replicate-page': '1',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Refused(problemOf(0, 'the daemon cannot be reached'))
  }
}

function refused(status: number, body: unknown, path: string): Refused {
  if (status === 401 && path !== '/session') expired()
  const isProblem = typeof body === 'object' && body !== null && 'message' in body
  return new Refused(isProblem ? (body as Problem) : problemOf(status, `the daemon answered with ${status}`))
}

function problemOf(status: number, message: string): Problem {
  return { type: 'about:blank', title: message, status, detail: message, code: 'network', message }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
