/** A way to a server that can be cut, as a network is. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Cable {
  readonly port: number
  /** Breaks what passes, and lets nothing new through until it is mended. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

/** To a port of 127.0.0.1. */
export async function cableTo(port: number): Promise<Cable> {
  const ends = new Set<Socket>()
  let whole = true
  const server = createServer((near) => {
    if (!whole) {
      near.destroy()
      return
    }
    const far = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      one.pipe(other)
      one.on('error', () => {})
      one.on('close', () => {
        ends.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const drop = (): void => {
    for (const end of ends) end.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      whole = false
      drop()
    },
    mend() {
      whole = true
    },
    async close() {
      drop()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
