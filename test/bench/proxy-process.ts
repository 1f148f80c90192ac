/** The counting proxy in a process of its own. */

import { startCountingProxy } from '../support/counting-proxy.ts'

/** Given as JSON in the first argument. */
export interface ProxyProcessOptions {
  /** URL of the registry behind it. */
  readonly target: string
  /** Milliseconds added to every request. */
  readonly delay?: number
  /** Cuts the first blob that goes this way after so many bytes. */
  readonly cut?: { readonly way: 'up' | 'down'; readonly after: number }
}

/** Since it was last asked. */
export interface ProxyFigures {
  readonly requests: number
  /** Of bodies, in bytes. */
  readonly bytesUp: number
  readonly bytesDown: number
}

const options: ProxyProcessOptions = JSON.parse(process.argv[2] ?? '{}')
const proxy = await startCountingProxy(options.target, options.delay === undefined ? {} : { delay: options.delay })
if (options.cut) {
  const { way, after } = options.cut
  const match = (method: string, path: string): boolean =>
    way === 'down' ? method === 'GET' && path.includes('/blobs/sha256:') : method === 'PUT' || method === 'PATCH'
  proxy.addFault({ cut: way, after, match })
}

process.send?.({ url: proxy.url })
process.on('message', () => {
  const { requests, bytesUp, bytesDown } = proxy
  process.send?.({ requests, bytesUp, bytesDown } satisfies ProxyFigures)
  proxy.reset()
})
process.once('disconnect', () => process.exit(0))
