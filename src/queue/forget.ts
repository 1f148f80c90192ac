/** Removes what a run has left in Redis. */

import { Queue } from 'bullmq'
import type { QueueServer } from './server.ts'

/** In milliseconds. */
const OLD = 24 * 60 * 60 * 1000

export async function forgetRun({ client, keys }: QueueServer, id: string, queue: Queue): Promise<void> {
  const { record, lacks, told, homes } = keys.run(id)
  await client.del(record, lacks, told, homes)
  await client.zrem(keys.runs, id)
  await queue.obliterate({ force: true })
}

/** Runs whose coordinators have died long ago. */
export async function forgetOldRuns(server: QueueServer): Promise<void> {
  const { client, keys } = server
  for (const id of await client.zrangebyscore(keys.runs, '-inf', Date.now() - OLD, 'LIMIT', 0, 100)) {
    if ((await client.exists(keys.run(id).record)) > 0) continue
    const queue = new Queue(keys.run(id).queue, { connection: client, prefix: keys.prefix, skipVersionCheck: true })
    queue.on('error', () => {})
    await forgetRun(server, id, queue)
    await queue.close()
  }
}
