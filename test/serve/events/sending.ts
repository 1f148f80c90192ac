/** Registries in memory that tell a daemon of what happens in them, as distribution does: in order, and again until they are heard. */

import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import type { RegistryEvent } from '../../../src/core/adapter.ts'
import { type Program, program, type Running, until } from '../../e2e/program.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

export interface DaemonProcess {
  readonly user: Program
  readonly running: Running
  readonly url: string
  /** Ends it as a crash would. */
  kill(): Promise<void>
}

/** Starts `replicate serve`, or another one in the place of an earlier one. */
export async function startDaemon(yaml: string, user: Program = program()): Promise<DaemonProcess> {
  user.write('serve.yaml', yaml)
  const running = user.start(['serve', 'serve.yaml'])
  const url = (): string | undefined => /listening on (\S+)/.exec(running.said())?.[1]
  await until('the daemon listens', () => {
    if (running.process.exitCode !== null) throw new Error(`the daemon has ended: ${running.said()}`)
    return url() !== undefined
  })
  return {
    user,
    running,
    url: url() ?? '',
    async kill() {
      running.process.kill('SIGKILL')
      await running.ended
    },
  }
}

/** A delivery as distribution makes it. */
export function deliveryOf(events: readonly RegistryEvent[], id: string = randomUUID()): string {
  return JSON.stringify({
    events: events.map(({ action, repository, tag, digest }, at) => ({
      id: `${id}-${at}`,
      timestamp: new Date().toISOString(),
      action,
      target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', repository, tag, digest },
    })),
  })
}

export async function post(url: string, name: string, body: string): Promise<number> {
  const response = await fetch(`${url}/hooks/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.docker.distribution.events.v2+json' },
    body,
  })
  await response.arrayBuffer()
  return response.status
}

export interface SendingRegistry extends MemoryRegistry {
  /** Everything told so far, oldest first. */
  readonly told: readonly RegistryEvent[]
  /** As a client's push, with its event. */
  push(repository: string, artifact: Parameters<MemoryRegistry['add']>[1], tag: string): void
  /** As a client's delete, with its event. */
  remove(repository: string, tag: string): void
  /** Where its events go from now on. */
  sendTo(url: string): void
}

/** `name` is what the daemon's configuration calls it. */
export async function sendingRegistry(name: string, options: MemoryRegistryOptions = {}): Promise<SendingRegistry> {
  const told: RegistryEvent[] = []
  const queue: string[] = []
  let url: string | undefined
  let over = false
  let sending = false
  onTestFinished(() => {
    over = true
  })

  async function send(): Promise<void> {
    if (sending) return
    sending = true
    while (!over && queue[0] !== undefined) {
      const status = url === undefined ? 0 : await post(url, name, queue[0]).catch(() => 0)
      if (status === 202) queue.shift()
      else await new Promise((resolve) => setTimeout(resolve, 50))
    }
    sending = false
  }

  function notify(event: RegistryEvent): void {
    told.push(event)
    queue.push(deliveryOf([event]))
    void send()
  }

  const made = await registry({ ...options, notify })
  return Object.assign(made, {
    told,
    push(repository: string, artifact: Parameters<MemoryRegistry['add']>[1], tag: string) {
      made.add(repository, artifact, tag)
      notify({ action: 'push', repository, tag, digest: artifact.digest })
    },
    remove(repository: string, tag: string) {
      made.repository(repository).tags.delete(tag)
      notify({ action: 'delete', repository, tag })
    },
    sendTo(to: string) {
      url = to
      void send()
    },
  })
}
