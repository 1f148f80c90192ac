/** A proxy before a registry that watches commits of blobs: whether two of one blob are ever under way at once. */

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Tap {
  readonly url: string
  /** Blobs that two requests committed to one repository at the same time. One that a suspended process left unfinished commits nothing. */
  readonly together: readonly Together[]
  /** Commits that succeeded, by repository and digest. */
  readonly commits: ReadonlyMap<string, readonly Commit[]>
  close(): Promise<void>
}

export interface Together {
  readonly blob: string
  readonly one: Commit
  readonly other: Commit
}

export interface Commit {
  /** The user agent. */
  readonly by: string
  /** By the monotonic clock. */
  readonly began: number
  readonly ended: number
}

/** `target`: URL of a registry that speaks plain HTTP. */
export async function tapOf(target: string): Promise<Tap> {
  const { hostname, port } = new URL(target)
  const together: Together[] = []
  const commits = new Map<string, Commit[]>()
  const server = createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', target)
    const digest = searchParams.get('digest')
    const [, repository] = /^\/v2\/(.+)\/blobs\/uploads\//.exec(pathname) ?? []
    const commit = digest !== null && repository !== undefined ? `${repository}@${digest}` : undefined
    const by = incoming.headers['user-agent'] ?? ''
    const began = performance.now()
    const passed = request(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (commit !== undefined && answer.statusCode === 201) {
          const before = commits.get(commit) ?? []
          const one: Commit = { by, began, ended: performance.now() }
          const other = before.find(({ ended }) => ended > began)
          if (other) together.push({ blob: commit, one, other })
          commits.set(commit, [...before, one])
        }
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
