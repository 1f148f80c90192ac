/** The hub of all windows on this daemon, in a worker that they share. */

import { createHub, type Wish } from './hub.ts'

const hub = createHub()

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (!port) return
  const say = hub.join((news) => port.postMessage(news))
  port.onmessage = ({ data }: MessageEvent<Wish>) => say(data)
  // A window that ended without a word.
  port.addEventListener('close', () => say({ say: 'leave' }))
})
