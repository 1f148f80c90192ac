/** The gateway as a process, whose policy `pulls` brings the source's namespace `team` to `mirror` at the destination. */

import { afterEach } from 'vitest'
import { type Program, type Running, until } from '../program.ts'

/** Called after each test, the last one first. */
export const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0).reverse()) await ending()
})

/** `serve`: further lines of its settings. */
export function configuration(source: string, destination: string, serve = ''): string {
  return `
registries:
  hub: {type: docker-registry, url: ${source}}
  mine: {type: docker-registry, url: ${destination}}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true}]
serve:
  listen: 127.0.0.1:0
${serve}`
}

export async function serving(here: Program): Promise<{ readonly daemon: Running; readonly host: string }> {
  const daemon = here.start(['serve', 'serve.yaml'])
  const host = (): string | undefined => /listening on http:\/\/(\S+)/.exec(daemon.said())?.[1]
  await until('the daemon listens', () => host() !== undefined)
  return { daemon, host: host() ?? '' }
}
