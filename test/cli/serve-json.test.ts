/** The lines of `serve --json` have the names that the reference says. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ServeNews } from '../../src/app/app.ts'
import { colorsFor } from '../../src/cli/render/colors.ts'
import { serveView } from '../../src/cli/render/serve.ts'

const REFERENCE = readFileSync(new URL('../../examples/reference.md', import.meta.url), 'utf8')
const execution = { id: 1, policy: 'copy' } as never

/** One of each, with everything that it may have. */
const NEWS = {
  listening: { type: 'listening', url: 'http://127.0.0.1:7080' },
  execution_started: { type: 'execution_started', execution },
  execution_event: {
    type: 'execution_event',
    execution: 1,
    policy: 'copy',
    event: { type: 'log', level: 'warning', text: 'slow', task: 3 },
  },
  execution_ended: {
    type: 'execution_ended',
    policy: 'copy',
    trigger: 'poll',
    outcome: { policy: 'copy', exitCode: 0, execution },
  },
  wish_left: { type: 'wish_left', policy: 'copy', trigger: 'schedule', reason: 'the policy is still running' },
  registry_changed: { type: 'registry_changed', registry: 'hub', healthy: false, reason: 'connection refused' },
  delivery: { type: 'delivery', registry: 'hub', status: 202, events: 1 },
  polled: { type: 'polled', policy: 'copy', events: 0, error: 'connection refused' },
  reloaded: { type: 'reloaded', policies: 1 },
  reload_failed: { type: 'reload_failed', message: 'unknown key' },
  token: {
    type: 'token',
    url: 'http://127.0.0.1:7080',
    token: 'shown to no log',
    file: '/home/api-token',
    isNew: true,
  },
  draining: { type: 'draining', running: 1, within: 30_000 },
  ended: { type: 'ended' },
  gateway: { type: 'gateway', policy: 'copy', hit: true, bytes: 1, saved: true },
  log: { type: 'log', level: 'info', text: 'pruned' },
} as const satisfies { readonly [T in ServeNews['type']]: Extract<ServeNews, { readonly type: T }> }

/** The names in the table's row of a type. */
function documented(type: string): readonly string[] {
  const row = REFERENCE.split('\n').find((line) => line.startsWith(`| \`${type}\` | `))
  const text = row?.slice(`| \`${type}\` | `.length) ?? ''
  return [...text.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name)
}

function written(news: ServeNews): Record<string, unknown> {
  return JSON.parse(said(news, { json: true }))
}

/** On either output. */
function said(news: ServeNews, flags: object): string {
  let text = ''
  const output = { write: (more: string) => (text += more) }
  const about = { stdout: output, stderr: output, timer: { now: () => 0 }, errorColors: colorsFor(false), verbose: 0 }
  serveView({ ...about, ...flags } as never)(news)
  return text
}

test('that nothing goes on without somebody is a warning, also under --quiet', () => {
  const of = { type: 'execution_event', execution: 1, policy: 'copy' } as const
  const stuck: ServeNews = { ...of, event: { type: 'waiting', reason: 'no worker', stuck: true } }
  expect(written(stuck)).toMatchObject({ type: 'log', level: 'warning', text: 'no worker', execution_id: 1 })
  expect(said(stuck, { quiet: true })).toContain('[1] waiting: no worker\n')
  expect(said({ ...of, event: { type: 'waiting', reason: 'rate limit' } }, { quiet: true })).toBe('')
})

test.each(Object.values(NEWS))('$type', (news) => {
  const { type, time, ...fields } = written(news)
  expect(time).toBe('1970-01-01T00:00:00.000Z')
  const names = documented(String(type))
  const own = type === 'log' && news.type === 'log' ? names.slice(0, 2) : names
  expect(own.filter((name) => name in fields).sort()).toEqual(Object.keys(fields).sort())
  // What stands behind the names explains them.
  expect(own.slice(0, Object.keys(fields).length).sort()).toEqual(Object.keys(fields).sort())
})
