/** What one address may take of the daemon, so that the rest stays for all others: connections, and requests that are being answered. */

import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { addressOf, networkOf } from './address.ts'

/** `ofAddress`: more than requests, so that one request too many can be refused in words. Behind a proxy connections have no bound but `all`. */
export const SHARES = { connections: { all: 1000, ofAddress: 600 }, requests: 512 }

export interface Shares {
  /** The result is called when the answer has ended; undefined where too many of the address are being answered. It ends with its connection. */
  enter(request: IncomingMessage): (() => void) | undefined
}

interface Connection {
  readonly socket: Socket
  readonly network: string
  /** Ends what is being answered on it. */
  readonly answering: Set<() => void>
}

/** `isProxied`: connections are those of a proxy, which says whose each request is. */
export function shareAmongAddresses(server: Server, isProxied: () => boolean, shares = SHARES): Shares {
  const all = new Map<string, Connection>()
  /** Its connections, the oldest first. */
  const byNetwork = new Map<string, Set<Connection>>()
  /** Requests that are being answered. */
  const inside = new Map<string, number>()

  // Of TLS this is the connection below it.
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket)
    const connection: Connection = { socket, network: networkOf(socket.remoteAddress ?? ''), answering: new Set() }
    const own = byNetwork.get(connection.network) ?? new Set()
    byNetwork.set(connection.network, own.add(connection))
    all.set(key, connection)
    socket.once('close', () => {
      if (all.get(key) === connection) all.delete(key)
      own.delete(connection)
      if (own.size === 0) byNetwork.delete(connection.network)
      for (const leave of connection.answering) leave()
    })
    const { connections } = shares
    if (isProxied()) {
      if (all.size > connections.all) socket.destroy()
    } else if (own.size > connections.ofAddress) makeRoom(connection, own)
    else if (all.size > connections.all) makeRoom(connection, largest())
  })

  /** Closes the oldest of them that is silent; the new one where each of them waits for an answer. */
  function makeRoom(newest: Connection, among: Iterable<Connection>): void {
    for (const one of among) {
      if (one === newest || one.answering.size > 0 || one.socket.destroyed) continue
      one.socket.destroy()
      return
    }
    newest.socket.destroy()
  }

  function largest(): Iterable<Connection> {
    let most = new Set<Connection>()
    for (const one of byNetwork.values()) if (one.size > most.size) most = one
    return most
  }

  return {
    enter(request) {
      const network = networkOf(addressOf(request, isProxied()))
      const count = inside.get(network) ?? 0
      if (count >= shares.requests) return undefined
      inside.set(network, count + 1)
      const answering = all.get(keyOf(request.socket))?.answering
      let isIn = true
      const leave = (): void => {
        answering?.delete(leave)
        if (!isIn) return
        isIn = false
        const left = (inside.get(network) ?? 1) - 1
        if (left > 0) inside.set(network, left)
        else inside.delete(network)
      }
      answering?.add(leave)
      return leave
    },
  }
}

/** The same for a TLS connection and the one below it. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
