/** A server that is called by what it tests: it remembers each request with its body, and answers as it is told. */

import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Heard {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Listener {
  readonly url: string
  readonly host: string
  readonly heard: readonly Heard[]
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface ListenerOptions {
  /** What the request gets, which is the `count`-th, from 0 on; default 204. Undefined: no answer. */
  readonly answer?: (heard: Heard, count: number) => Reply | undefined
  /** What no `listens` matches is passed on to this address, unheard. */
  readonly before?: { readonly url: string; readonly listens: (url: string) => boolean }
}

/** Ends with the test. */
export async function listener({ answer = () => ({ status: 204 }), before }: ListenerOptions = {}): Promise<Listener> {
  const heard: Heard[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    if (before && !before.listens(url)) {
      const onward = send(before.url + url, { method, headers }, (reply) => {
        response.writeHead(reply.statusCode ?? 502, reply.headers)
        reply.pipe(response)
      })
      onward.on('error', () => response.destroy())
      request.pipe(onward)
      return
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const one = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') }
    const reply = answer(one, heard.push(one) - 1)
    if (!reply) return
    response.writeHead(reply.status, reply.headers)
    response.end(reply.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `http://${host}`, host, heard }
}
