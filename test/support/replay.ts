/** Answers as a recording says (`REPLICATE_RECORD`): a server for each address in it. */

import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Exchange } from '../../src/http/record/record.ts'
import { openAddress } from '../../src/http/trace.ts'

export interface Replay {
  /** Where what was recorded of an address (`https://registry.example.com`) is answered now. */
  urlOf(origin: string): string
  /** Requests that the recording does not have, as `METHOD url`. */
  readonly unknown: readonly string[]
  close(): Promise<void>
}

type Answer = Exclude<Exchange['answer'], { readonly failure: string }>

/** Repeated requests get the recorded answers one after another, and the last of them from then on. */
export async function startReplay(directory: string): Promise<Replay> {
  const exchanges = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Exchange)
  const answers = new Map<string, Answer[]>()
  for (const { request, answer } of exchanges) {
    if ('failure' in answer) continue
    const key = keyOf(request.method, request.url, 'authorization' in request.headers)
    answers.set(key, [...(answers.get(key) ?? []), answer])
  }
  const unknown: string[] = []
  const servers = new Map<string, { readonly server: Server; readonly url: string }>()
  for (const origin of new Set(exchanges.map(({ request }) => new URL(request.url).origin))) {
    servers.set(origin, await listen((request, response) => answer(origin, request, response)))
  }

  /** Addresses that it knows lead here. */
  function here(text: string): string {
    return [...servers].reduce((changed, [origin, { url }]) => changed.replaceAll(origin, url), text)
  }

  function answer(origin: string, request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    const url = `${origin}${request.url ?? '/'}`
    // A client may learn at another request than the recorded one that it must sign.
    const isSigned = request.headers.authorization !== undefined
    const keys = [isSigned, !isSigned].map((one) => keyOf(request.method ?? 'GET', openAddress(new URL(url)), one))
    const key = keys.find((one) => answers.has(one)) ?? ''
    const known = answers.get(key)
    const [told, ...rest] = known ?? []
    if (!told) {
      unknown.push(`${request.method} ${url}`)
      response.writeHead(599).end('this is not in the recording')
      return
    }
    if (rest.length > 0) answers.set(key, rest)
    const text = told.body && 'text' in told.body ? here(told.body.text) : ''
    for (const [name, value] of Object.entries(told.headers)) {
      if (!/^(connection|content-length|transfer-encoding|content-encoding|date)$/.test(name))
        response.setHeader(name, here(value))
    }
    // That of a HEAD says how long the body would be.
    const length = request.method === 'HEAD' ? (told.headers['content-length'] ?? '0') : String(Buffer.byteLength(text))
    response.writeHead(told.status, { 'content-length': length })
    response.end(request.method === 'HEAD' ? undefined : text)
  }

  return {
    unknown,
    urlOf(origin) {
      const found = servers.get(origin)
      if (!found) throw new Error(`the recording has nothing of ${origin}, but of ${[...servers.keys()].join(', ')}`)
      return found.url
    },
    async close() {
      for (const { server } of servers.values()) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

/** The order of parameters does not matter. */
function keyOf(method: string, address: string, isSigned: boolean): string {
  const url = new URL(address)
  url.searchParams.sort()
  return `${method} ${url.href}${isSigned ? ' signed' : ''}`
}

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
