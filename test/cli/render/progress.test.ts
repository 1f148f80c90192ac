/** Bars and lines of a run. */

import { expect, test } from 'vitest'
import { lineView } from '../../../src/cli/render/lines.ts'
import { openSession } from '../../../src/cli/session.ts'
import { command, execution, task } from '../support.ts'

const digest = `sha256:${'0'.repeat(64)}` as const

test('without a terminal there is a line each ten seconds while bytes move', () => {
  let stderr = ''
  let tick: (() => void) | undefined
  let interval = 0
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const output = {
    write: (text: string) => {
      stderr += text
    },
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
  }
  const session = openSession(
    {
      stdout: output,
      stderr: output,
      env: {},
      cwd: '/nowhere',
      stdin: unused,
      signal: new AbortController().signal,
      onHangup: () => () => undefined,
      timer: {
        now: () => 0,
        every: (milliseconds, callback) => {
          interval = milliseconds
          tick = callback
          return () => {
            tick = undefined
          }
        },
      },
      program: [],
      parts: {
        app: unused,
        foreignAdapter: () => {
          throw new Error('not needed')
        },
        adapters: unused,
        schema: unused,
        starterFile: unused,
        paths: unused,
        look: unused,
        copyPolicy: unused,
        known: unused,
      },
    },
    {},
  )
  const view = lineView(session)
  view.begin({ policy: 'p', source: 'a', destination: 'b' }, execution)
  tick?.()
  view.event({ type: 'stage', stage: 'transfer', state: 'started', text: '3 tasks' })
  tick?.()
  view.close()
  expect(interval).toBe(10_000)
  expect(tick).toBeUndefined()
  expect(stderr).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d p {2}a → b\n(\d\d:\d\d:\d\d) transfer {2}3 tasks\n\1 transfer {2}0\/0 {2}0 B of 0 B\n$/,
  )
})

test('on a terminal failures stand above the bars, and the cursor comes back', async () => {
  const { stderr } = await command(['run', '--no-color'], {
    terminal: true,
    events: [
      { type: 'stage', stage: 'transfer', state: 'started', text: '1 task' },
      { type: 'planned', tasks: 1000, bytes: 100 },
      ...Array.from(
        { length: 12 },
        (_, index) => ({ type: 'blob-started', id: String(index), digest, size: 10, name: `blob ${index}` }) as const,
      ),
      { type: 'task', task: { ...task, status: 'failed', error: { code: 'bug', message: 'broken' } } },
      { type: 'stage', stage: 'transfer', state: 'ended', text: '0/1' },
    ],
  })
  expect(stderr.indexOf('✗ hub/library/redis:7 → harbor/mirror/redis:7  broken')).toBeGreaterThan(
    stderr.indexOf('\u001b[?25l'),
  )
  expect(stderr).toContain('0 B of       10 B  blob 7')
  expect(stderr).not.toContain('blob 8')
  expect(stderr).toContain('\u001b[?25h')
})
