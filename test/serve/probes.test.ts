/** What the probes say of a history that cannot be written. */

import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { manualClock } from '../support/manual-clock.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { serveInTime } from './in-time.ts'

const YAML = 'policies: {}\nserve: {listen: 127.0.0.1:0}\n'

test('/healthz and /readyz are 503 with the reason for as long as the history cannot be written', async () => {
  const clock = manualClock()
  const daemon = await serveInTime(YAML, { directory: temporaryDirectory(), clock, parts: [] })
  const probe = async (path: string): Promise<readonly [number, unknown]> => {
    const answer = await fetch(daemon.url + path)
    return [answer.status, await answer.json()]
  }
  expect(await probe('/healthz')).toEqual([200, { status: 'ok' }])
  const other = new Sqlite(daemon.history.file)
  other.exec('ALTER TABLE daemon RENAME TO elsewhere')
  await clock.advance(10_000)
  const failing = { status: 'failing', history: expect.stringContaining('daemon') }
  expect(await probe('/healthz')).toEqual([503, failing])
  expect(await probe('/readyz')).toEqual([503, { ...failing, reload_error: null }])
  other.exec('ALTER TABLE elsewhere RENAME TO daemon')
  other.close()
  await clock.advance(10_000)
  expect(await probe('/healthz')).toEqual([200, { status: 'ok' }])
  expect(await probe('/readyz')).toEqual([200, { status: 'ready', reload_error: null }])
})
