/** What clients of `/api/events` are told: numbered, and kept for a while for those who were cut off. */

import { randomBytes } from 'node:crypto'
import type { Message } from './sse.ts'

export interface Feed {
  /** Tells all. */
  publish(event: string, data: unknown): void
  /**
   * What a client missed that saw `last` as its last message, and from now on everything; `heard` is called at once for what it missed. A
   * client that saw nothing yet gets a `hello`, and one whose last message is not known any more a `reset`: it must read anew what it shows.
   */
  listen(last: string | undefined, heard: (message: Message) => void): () => void
  readonly listeners: number
}

/** Messages that are kept. */
const KEPT = 2000
/** Characters of all of them together. */
const KEPT_LENGTH = 4 * 1024 * 1024

export function createFeed(about: () => object): Feed {
  // Another start counts from 1 again.
  const boot = randomBytes(6).toString('hex')
  const kept: (Message & { readonly data: string })[] = []
  let length = 0
  const all = new Set<(message: Message) => void>()
  let count = 0
  const idOf = (number: number): string => `${boot}.${number}`

  return {
    publish(event, data) {
      count += 1
      // As a text: each client gets the same one.
      const message = { id: idOf(count), event, data: JSON.stringify(data) }
      kept.push(message)
      length += message.data.length
      while (kept.length > KEPT || length > KEPT_LENGTH) length -= kept.shift()?.data.length ?? 0
      for (const heard of all) heard(message)
    },
    listen(last, heard) {
      const [of, text = ''] = last?.split('.') ?? []
      const seen = of === boot && /^\d{1,15}$/.test(text) ? Number(text) : undefined
      const first = count - kept.length
      if (seen === undefined || seen < first || seen > count) {
        heard({ id: idOf(count), event: last === undefined ? 'hello' : 'reset', data: about() })
      } else {
        for (const message of kept.slice(seen - first)) heard(message)
      }
      all.add(heard)
      return () => void all.delete(heard)
    },
    get listeners() {
      return all.size
    },
  }
}
