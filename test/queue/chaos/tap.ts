/** A proxy before a registry that watches commits of blobs: whether two of one blob are ever under way at once. */

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Tap {
  readonly url: string
  /** Blobs that two requests were committing to one repository at the same time. */
  readonly together: readonly string[]
  /** How often a commit of each blob succeeded, by repository and digest. */
  readonly commits: ReadonlyMap<string, number>
  close(): Promise<void>
}

/** `target`: URL of a registry that speaks plain HTTP. */
export async function tapOf(target: string): Promise<Tap> {
  const { hostname, port } = new URL(target)
  /** Who commits a blob now. */
  const underWay = new Map<string, string>()
  const together: string[] = []
  const commits = new Map<string, number>()
  const server = createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', target)
    const digest = searchParams.get('digest')
    const [, repository] = /^\/v2\/(.+)\/blobs\/uploads\//.exec(pathname) ?? []
    const commit = digest !== null && repository !== undefined ? `${repository}@${digest}` : undefined
    if (commit !== undefined) {
      const other = underWay.get(commit)
      const who = incoming.headers['user-agent'] ?? ''
      if (other !== undefined) together.push(`${commit} by ${other} and ${who}`)
      underWay.set(commit, who)
    }
    const end = (): void => {
      if (commit !== undefined) underWay.delete(commit)
    }
    outgoing.on('close', end)
    const passed = request(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (commit !== undefined && answer.statusCode === 201) commits.set(commit, (commits.get(commit) ?? 0) + 1)
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
        answer.on('error', () => outgoing.destroy())
      },
    )
    passed.on('error', () => outgoing.destroy())
    incoming.on('error', () => passed.destroy())
    incoming.on('close', () => {
      if (!incoming.complete) passed.destroy()
    })
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    together,
    commits,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
