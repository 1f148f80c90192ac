/** A server of the bench in a process of its own, asked for its figures by message. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Child<Figures> {
  readonly url: string
  /** `127.0.0.1:PORT`. */
  readonly host: string
  readonly pid: number | undefined
  figures(): Promise<Figures>
  stop(): Promise<void>
}

/** `file` is beside this one; it sends `{ url }` once it listens, and its figures for every message. */
export async function startChild<Figures>(file: string, options: unknown): Promise<Child<Figures>> {
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)))
  })
  failed.catch(() => {})
  const message = async (): Promise<unknown> => {
    const [received]: unknown[] = await Promise.race([once(child, 'message'), failed])
    return received
  }
  const { url } = (await message()) as { readonly url: string }
  return {
    url,
    host: new URL(url).host,
    pid: child.pid,
    async figures() {
      const answered = message()
      child.send('figures')
      return (await answered) as Figures
    },
    async stop() {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
