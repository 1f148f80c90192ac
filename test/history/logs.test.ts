import { expect, test } from 'vitest'
import { begin, open, temporaryDirectory } from './setup.ts'

test('keeps lines in their order, with level, task and time', async () => {
  const history = await open()
  const id = begin(history)
  history.logs.add(id, undefined, 'info', 'prepare started', 1000)
  history.logs.add(id, 3, 'error', 'connection reset', 2000)
  expect([...history.logs.list(id)]).toEqual([
    {
      id: 1,
      execution_id: id,
      task_id: null,
      level: 'info',
      text: 'prepare started',
      time: '1970-01-01T00:00:01.000Z',
    },
    { id: 2, execution_id: id, task_id: 3, level: 'error', text: 'connection reset', time: '1970-01-01T00:00:02.000Z' },
  ])
})

test('shows the lines of one task, of a level and graver, and what is new', async () => {
  const history = await open()
  const id = begin(history)
  for (const [index, level] of (['debug', 'info', 'warning', 'error'] as const).entries()) {
    history.logs.add(id, index % 2, level, level, 0)
  }
  const texts = (filter?: Parameters<typeof history.logs.list>[1]) =>
    [...history.logs.list(id, filter)].map(({ text }) => text)
  expect(texts()).toEqual(['debug', 'info', 'warning', 'error'])
  expect(texts({ level: 'warning' })).toEqual(['warning', 'error'])
  expect(texts({ task: 1 })).toEqual(['info', 'error'])
  expect(texts({ after: 2, level: 'info' })).toEqual(['warning', 'error'])
  expect(texts({ after: history.logs.beforeLast(id, 2) })).toEqual(['warning', 'error'])
  const info = { level: 'info' } as const
  expect(texts({ ...info, after: history.logs.beforeLast(id, 2, info) })).toEqual(['warning', 'error'])
  expect(texts({ task: 1, after: history.logs.beforeLast(id, 1, { task: 1 }) })).toEqual(['error'])
  expect(history.logs.beforeLast(id, 4)).toBe(0)
  expect(history.logs.beforeLast(id, 9, { after: 2 })).toBe(2)
})

test('writes a full batch at once, and the rest on flush, heartbeat and close', async () => {
  const directory = temporaryDirectory()
  const writer = await open(directory)
  const reader = await open(directory)
  const id = begin(writer)
  const add = (count: number) => {
    for (let line = 0; line < count; line++) writer.logs.add(id, undefined, 'info', `line ${line}`, 0)
    return [...reader.logs.list(id)].length
  }
  expect(add(99)).toBe(0)
  expect(add(1)).toBe(100)
  expect(add(1)).toBe(100)
  writer.logs.flush()
  expect(add(1)).toBe(101)
  writer.locks.heartbeat(id)
  expect([...reader.logs.list(id)]).toHaveLength(102)
})

test('reads more lines than a page', async () => {
  const history = await open()
  const id = begin(history)
  for (let line = 0; line < 2100; line++) history.logs.add(id, undefined, 'info', `line ${line}`, 0)
  const lines = [...history.logs.list(id)]
  expect(lines).toHaveLength(2100)
  expect(lines.at(-1)?.text).toBe('line 2099')
})

test('keeps no secret', async () => {
  const history = await open(undefined, { redact: (text) => text.replaceAll('hunter2', '***') })
  const id = begin(history)
  history.logs.add(id, undefined, 'debug', 'password hunter2', 0)
  expect([...history.logs.list(id)][0]?.text).toBe('password ***')
})
