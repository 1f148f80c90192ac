/** The counting proxy in a process of its own. */

import { type ProxyOptions, startCountingProxy } from '../support/counting-proxy.ts'

/** Given as JSON in the first argument. */
export interface ProxyProcessOptions extends ProxyOptions {
  /** URL of the registry behind it. */
  readonly target: string
}

/** Since it was last asked. */
export interface ProxyFigures {
  readonly requests: number
  /** Of bodies, in bytes. */
  readonly bytesUp: number
  readonly bytesDown: number
}

const { target, ...options }: ProxyProcessOptions = JSON.parse(process.argv[2] ?? '{}')
const proxy = await startCountingProxy(target, options)

process.send?.({ url: proxy.url })
process.on('message', () => {
  const { requests, bytesUp, bytesDown } = proxy
  process.send?.({ requests, bytesUp, bytesDown } satisfies ProxyFigures)
  proxy.reset()
})
process.once('disconnect', () => process.exit(0))
