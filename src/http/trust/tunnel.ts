/** A connection through a proxy for TLS with the server behind it. */

import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import type { Duplex } from 'node:stream'
import { hostWithPort } from '../failure.ts'
import type { ProxyAddress } from '../proxy/address.ts'

/** The caller owns the socket. Throws Node's error, or one with the proxy's status in its message. */
export function tunnel(url: URL, { url: proxy, credential }: ProxyAddress, signal: AbortSignal): Promise<Duplex> {
  const path = hostWithPort(url)
  const basic = credential && Buffer.from(`${credential.username}:${credential.password}`).toString('base64')
  const headers = { host: path, ...(basic === undefined ? {} : { 'proxy-authorization': `Basic ${basic}` }) }
  const { hostname, port, protocol } = proxy
  const request = protocol === 'https:' ? requestSecure : requestPlain
  return new Promise((resolve, reject) => {
    const asked = request({ method: 'CONNECT', host: hostname.replace(/^\[|\]$/g, ''), port, path, headers, signal })
    asked.once('error', reject)
    asked.once('connect', ({ statusCode = 0 }, socket) => {
      if (statusCode === 200) return resolve(socket)
      socket.destroy()
      return reject(new Error(`Proxy Connection ended (${statusCode})`))
    })
    asked.end()
  })
}
