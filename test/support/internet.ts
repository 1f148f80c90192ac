/** A small internet: hosts by name, as documentation writes them, each a server of this machine. Programs reach them through a proxy, over
 *  TLS of an authority of its own. */

import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { authority } from './authority.ts'

export interface Internet {
  /** What a program needs in its environment to be in it. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** `hosts`: a name to the URL of the server that stands for it. */
export async function startInternet(hosts: Readonly<Record<string, string>>): Promise<Internet> {
  const trusted = authority('Example')
  const pair = trusted.issue(...Object.keys(hosts).map((name) => `DNS:${name}`))
  const sockets = new Set<Socket>()

  const inside = createServer((incoming, outgoing) => {
    const host = (incoming.headers.host ?? '').replace(/:443$/, '')
    forward(incoming, outgoing, hosts[host] ?? '', host)
  })
  const proxy = createServer((_, response) => response.writeHead(502).end('only CONNECT'))
  proxy.on('connect', ({ url }: IncomingMessage, socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    if (hosts[(url ?? '').replace(/:443$/, '')] === undefined) return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const secure = new TLSSocket(socket, { isServer: true, ...pair })
    secure.on('error', () => {})
    return inside.emit('connection', secure)
  })
  proxy.listen(0, '127.0.0.1')
  await new Promise((resolve) => proxy.once('listening', resolve))
  return {
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NODE_EXTRA_CA_CERTS: trusted.file,
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, url: string, host: string): void {
  const { port } = new URL(url)
  const { method, url: path, headers } = incoming
  const passed = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
    // Addresses of the server itself are those of the host that it stands for.
    const renamed = Object.entries(answer.headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.replaceAll(url, `https://${host}`) : value,
    ])
    outgoing.writeHead(answer.statusCode ?? 502, Object.fromEntries(renamed))
    answer.pipe(outgoing)
  })
  passed.on('error', () => outgoing.destroy())
  outgoing.on('close', () => passed.destroy())
  incoming.pipe(passed)
}
