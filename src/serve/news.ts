/** What happens in the daemon, passed on to all who listen. */

import type { Daemon, ServeNews } from './parts.ts'

export function createNews(): Pick<Daemon, 'tell' | 'listen'> {
  const listeners = new Set<(news: ServeNews) => void>()
  return {
    tell: (news) => {
      for (const listener of listeners) listener(news)
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
