/** A look at what a policy matches: bounded in time, stopped by the session, brief about warnings. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createApp } from '../../src/app/app.ts'
import { countsOf, type Preview, type PreviewOptions, preview } from '../../src/cli/commands/policies/preview.ts'
import { colorsFor } from '../../src/cli/render/colors.ts'
import type { Session } from '../../src/cli/session.ts'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Look {
  readonly found: Preview
  readonly said: string
}

async function look(source: string, options: PreviewOptions, signal = new AbortController().signal): Promise<Look> {
  const cwd = temporaryDirectory()
  const yaml = `policies: {p: {source: ${source}, destination: localhost:1/x}}`
  const surroundings = { env: { HOME: cwd }, cwd, stdin: async () => yaml }
  const app = createApp({ ...surroundings, home: cwd })
  closing.push(() => app.close())
  const configuration = await app.configuration(['-'])
  const [policy] = configuration.policies
  if (!policy) throw new Error('no policy')
  let said = ''
  const write = (text: string): void => {
    said += text
  }
  const session: Pick<Session, 'signal' | 'stderr' | 'quiet' | 'bars' | 'errorColors' | 'timer' | 'verbose'> = {
    signal,
    verbose: 0,
    timer: { now: Date.now, every: () => () => {} },
    stderr: { write, isTerminal: true, columns: 80 },
    quiet: false,
    bars: true,
    errorColors: colorsFor(false),
  }
  return { found: await preview(session, app, policy, configuration, options), said }
}

/** Takes requests and answers none. */
async function silentServer(): Promise<string> {
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () => server.close(),
    () => server.closeAllConnections(),
  )
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('ends when its time is over, with what it has seen', async () => {
  const { found } = await look(`${await silentServer()}/library/*`, { within: 100 })
  expect(found).toMatchObject({ complete: false, repositories: 0 })
  expect(countsOf(found)).toBe('at least 0 repositories, 0 tags; the time for a look is over')
})

test('is stopped with the session', async () => {
  const stopping = new AbortController()
  const looking = look(`${await silentServer()}/library/*`, {}, stopping.signal)
  stopping.abort()
  await expect(looking).rejects.toThrow('stopped')
})

test('counts while it looks, keeps the first, and says no more than three of many warnings', async () => {
  const registry = await startMemoryRegistry()
  closing.push(() => registry.close())
  for (const [seed, tag] of ['a', 'b', 'c', 'd', 'e'].entries())
    registry.add(`team/app${seed % 2}`, image({ seed }), tag)
  const { found, said } = await look(`{registry: "${registry.host}"}, filters: {newest: 1}`, { keep: 1 })
  expect(found).toEqual({
    repositories: 2,
    tags: 2,
    untagged: 0,
    seen: 5,
    first: [{ repository: 'team/app0', tags: ['e'] }],
    complete: true,
  })
  expect(countsOf(found)).toBe('2 repositories, 2 of 5 tags')
  expect(said).toContain('1 repository, 1 of 3 tags …')
  expect(said.match(/^.*warning: .*$/gm)).toHaveLength(4)
  expect(said).toContain('warning: and 2 more warnings\n')
})
