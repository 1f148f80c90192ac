/** Removes what a run has left in Redis, and lets expire what no one is left to remove. */

import { Queue, QueueKeys } from 'bullmq'
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

/** In milliseconds: as long as a run may be paused while its coordinator is away. */
const LIFE = 7 * 24 * 60 * 60 * 1000

/** Of all keys of a run, which BullMQ makes without an end; those of jobs are found by where their ids stand. */
const OUTLIVE = `
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
local function jobs(ids) for _, id in ipairs(ids) do redis.call('PEXPIRE', ARGV[2] .. id, ARGV[1]) end end
for i = 1, 3 do jobs(redis.call('LRANGE', KEYS[i], 0, -1)) end
for i = 4, 5 do jobs(redis.call('ZRANGE', KEYS[i], 0, -1)) end`

/** To what BullMQ itself gives an end. Dead workers are found only where `stalled-check` ends in time. */
const OWN_END: ReadonlySet<string> = new Set(['stalled-check', 'limiter'])

/** Called again and again while the run lasts, and once by the last process that has it. */
export async function letExpire({ client, keys }: QueueServer, id: string): Promise<void> {
  const { queue, told } = keys.run(id)
  const found = Object.entries(new QueueKeys(keys.prefix).getKeys(queue)).filter(([name]) => !OWN_END.has(name))
  const { wait = '', active = '', paused = '', completed = '', failed = '', ...others } = Object.fromEntries(found)
  const all = [wait, active, paused, completed, failed, ...Object.values(others), told, keys.runs]
  await client.eval(OUTLIVE, all.length, ...all, LIFE, `${keys.prefix}:${queue}:`)
}
