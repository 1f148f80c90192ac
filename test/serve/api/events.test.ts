/** `/api/events` and followed logs: nothing is missed, also by who was cut off. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { createFeed } from '../../../src/serve/api/stream/feed.ts'
import { type Message, openStream, type Stream } from '../../../src/serve/api/stream/sse.ts'
import { until } from '../../e2e/program.ts'
import { heap } from '../../support/heap.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { serving } from '../serving.ts'
import { apiClient } from './client.ts'

interface Heard {
  readonly id?: string
  readonly event?: string
  // biome-ignore lint/suspicious/noExplicitAny: what it is depends on the event
  readonly data: any
}

/** Everything that one connection hears. */
async function listen(url: string, token: string, last?: string): Promise<{ heard: Heard[]; leave(): void }> {
  const end = new AbortController()
  onTestFinished(() => end.abort())
  const answer = await fetch(url, {
    signal: end.signal,
    headers: { authorization: `Bearer ${token}`, ...(last === undefined ? {} : { 'last-event-id': last }) },
  })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
  const heard: Heard[] = []
  void (async () => {
    let text = ''
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk).toString()
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      for (const part of parts) {
        const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)))
        if (fields.data !== undefined) heard.push({ ...fields, data: JSON.parse(fields.data) })
      }
    }
  })().catch(() => {})
  return { heard, leave: () => end.abort() }
}

test('a run is seen from its start to its end, also one of another process', async () => {
  const { user, yaml, start } = await serving()
  user.write('serve.yaml', yaml())
  const daemon = await start()
  const token = readFileSync(join(user.home, 'api-token'), 'utf8').trim()
  const ask = apiClient(daemon.url, token)
  const { heard } = await listen(`${daemon.url}/api/events`, token)
  await until('the stream is open', () => heard.some(({ event }) => event === 'hello'))
  expect((await ask('POST', '/replication/executions', { body: { policy_id: 'copy' } })).status).toBe(201)
  const states = (id: number): readonly string[] =>
    heard.filter(({ event, data }) => event === 'execution' && data.id === id).map(({ data }) => data.status)
  await until('its end is told', () => states(1).includes('succeeded'))
  expect((await user.run(['run', 'serve.yaml'])).code).toBe(0)
  await until('that of the other process is told', () => states(2).includes('succeeded'))

  const again = await listen(`${daemon.url}/api/events`, token, 'other.7')
  await until('it must read anew', () => again.heard[0]?.event === 'reset')
  const first = heard.find(({ event }) => event === 'execution')
  const later = await listen(`${daemon.url}/api/events`, token, first?.id)
  const after = heard
    .filter(({ id }) => id !== undefined)
    .slice(heard.filter(({ id }) => id !== undefined).indexOf(first as Heard) + 1)
  await until('what was missed is told', () => later.heard.length >= after.length)
  expect(later.heard.map(({ id }) => id)).toEqual(after.map(({ id }) => id))

  const log = await listen(`${daemon.url}/api/replication/executions/1/logs?follow=true`, token)
  await until('the log has ended', () => log.heard.at(-1)?.event === 'end')
  const text = (await ask('GET', '/replication/executions/1/logs')).body
  expect(log.heard.slice(0, -1).map(({ data }) => data.text)).toEqual(
    text
      .trimEnd()
      .split('\n')
      .map((line: string) =>
        line
          .split(/ {2}/)
          .slice(2)
          .join('  ')
          .trimStart()
          .replace(/^\[\d+\] /, ''),
      ),
  )
  expect((await ask('GET', '/replication/executions/1/logs/9')).status).toBe(404)
  const one = (await ask('GET', '/replication/executions/1/logs/1?level=info')).body
  expect(one.split('\n').filter((line: string) => line !== '' && !line.includes('[1] '))).toEqual([])
})

test('one stream is enough for a client: it has the log of a task too, and goes on after the last line', async () => {
  const { user, yaml, start } = await serving()
  user.write('serve.yaml', yaml())
  const daemon = await start()
  const token = readFileSync(join(user.home, 'api-token'), 'utf8').trim()
  const ask = apiClient(daemon.url, token)
  expect((await ask('POST', '/replication/executions', { body: { policy_id: 'copy' } })).status).toBe(201)
  const all = await listen(`${daemon.url}/api/events?execution=1&logs=true`, token)
  await until('the log has ended', () => all.heard.some(({ event }) => event === 'log_end'))
  const one = await listen(`${daemon.url}/api/events?execution=1&logs=true&task=1&level=info`, token)
  await until('that of the task has ended', () => one.heard.some(({ event }) => event === 'log_end'))
  const lines = ({ heard }: { readonly heard: readonly Heard[] }) => heard.filter(({ event }) => event === 'log')
  const texts = (await ask('GET', '/replication/executions/1/logs')).body.trimEnd().split('\n')
  expect(lines(all).map(({ data }) => data.time)).toEqual(texts.map((text: string) => text.split(' ')[0]))
  expect(lines(all).every(({ data }) => data.execution === 1 && typeof data.text === 'string')).toBe(true)
  const ofTask = lines(all).filter(({ data }) => data.task_id === 1 && data.level !== 'debug')
  expect(lines(one).map(({ data }) => data.id)).toEqual(ofTask.map(({ data }) => data.id))

  const third = lines(all)[2]
  const rest = lines(all)
    .slice(3)
    .map(({ data }) => data.id)
  const again = await listen(`${daemon.url}/api/events?execution=1&logs=true`, token, third?.id)
  await until('the rest was told', () => again.heard.some(({ event }) => event === 'log_end'))
  expect(lines(again).map(({ data }) => data.id)).toEqual(rest)
  const after = `${daemon.url}/api/events?execution=1&logs=true&logs_after=${third?.data.id}`
  const later = await listen(after, token)
  await until('the rest was told', () => later.heard.some(({ event }) => event === 'log_end'))
  expect(lines(later).map(({ data }) => data.id)).toEqual(rest)

  const last = await listen(`${daemon.url}/api/events?execution=1&logs=true&logs_last=2`, token)
  await until('the last lines were told', () => last.heard.some(({ event }) => event === 'log_end'))
  expect(lines(last).map(({ data }) => data.id)).toEqual(rest.slice(-2))

  for (const [query, status] of [
    ['logs=true', 400],
    ['task=1', 400],
    ['execution=1&logs=true&task=99', 404],
    ['execution=9&logs=true', 404],
    ['execution=1&logs=true&level=loud', 400],
  ] as const) {
    expect((await ask('GET', `/events?${query}`)).status, query).toBe(status)
  }
})

test('after the daemon was killed, two who listened are told to read anew, and what they read is right', async () => {
  let isHeld = true
  const { user, yaml, start } = await serving({
    fault: ({ route }) => (isHeld && route === 'blob' ? { hang: true } : undefined),
  })
  user.write('serve.yaml', yaml())
  const daemon = await start()
  const token = readFileSync(join(user.home, 'api-token'), 'utf8').trim()
  const before = [await listen(`${daemon.url}/api/events`, token), await listen(`${daemon.url}/api/events`, token)]
  const body = { policy_id: 'copy' }
  expect((await apiClient(daemon.url, token)('POST', '/replication/executions', { body })).status).toBe(201)
  for (const { heard } of before) {
    await until('its start is told', () => heard.some(({ event }) => event === 'execution'))
  }
  daemon.kill('SIGKILL')
  await daemon.ended
  isHeld = false

  const next = await start()
  const ask = apiClient(next.url, token)
  const after = await Promise.all(
    before.map(({ heard }) => listen(`${next.url}/api/events`, token, heard.findLast(({ id }) => id)?.id)),
  )
  for (const { heard } of after) await until('it must read anew', () => heard[0]?.event === 'reset')
  let read = (await ask('GET', '/replication/executions/1')).body
  await until('the execution has gone on to its end', async () => {
    read = (await ask('GET', '/replication/executions/1')).body
    return read.status === 'succeeded'
  })
  expect((await ask('GET', '/replication/executions')).body).toEqual([read])
  expect((await ask('POST', '/replication/executions', { body })).status).toBe(201)
  for (const { heard } of after) {
    const ofNext = ({ event, data }: Heard): boolean => event === 'execution' && data.id === 2
    await until('the next one is told to its end', () => heard.findLast(ofNext)?.data.status === 'succeeded')
  }
})

test('who was cut off for a thousand messages misses none, and for more is told so', () => {
  const feed = createFeed(() => ({}))
  const seen: Message[] = []
  const leave = feed.listen(undefined, (message) => seen.push(message))
  feed.publish('execution', { id: 0 })
  leave()
  expect(feed.listeners).toBe(0)
  for (let id = 1; id <= 1000; id += 1) feed.publish('execution', { id })
  const later: Message[] = []
  feed.listen(seen.at(-1)?.id, (message) => later.push(message))()
  expect(later.map(({ data }) => JSON.parse(String(data)).id)).toEqual(Array.from({ length: 1000 }, (_, at) => at + 1))
  for (let id = 1001; id <= 4000; id += 1) feed.publish('execution', { id })
  const tooLate: Message[] = []
  feed.listen(seen.at(-1)?.id, (message) => tooLate.push(message))()
  expect(tooLate.map(({ event }) => event)).toEqual(['reset'])
  const now: Message[] = []
  feed.listen(tooLate[0]?.id, (message) => now.push(message))()
  expect(now).toEqual([])
})

test('what is kept for those who were cut off has a bound in bytes, too', () => {
  const feed = createFeed(() => ({}))
  const seen: Message[] = []
  feed.listen(undefined, (message) => seen.push(message))()
  const large = 'x'.repeat(1024 * 1024)
  for (let id = 1; id <= 10; id += 1) feed.publish('execution', { id, large })
  const missed = (last: string | undefined): readonly (string | undefined)[] => {
    const heard: Message[] = []
    feed.listen(last, (message) => heard.push(message))()
    return heard.map(({ event }) => event)
  }
  expect(missed(seen[0]?.id)).toEqual(['reset'])
  const [boot] = seen[0]?.id?.split('.') ?? []
  expect(missed(`${boot}.7`)).toEqual(['execution', 'execution', 'execution'])
  expect(missed(`${boot}.5`)).toEqual(['reset'])
})

test('a million messages leave nothing behind, and a client that does not read them is let go', async () => {
  const feed = createFeed(() => ({}))
  const ending = new AbortController()
  const app = fastify()
  const streams: Stream[] = []
  app.get('/', (request, reply) => {
    const stream = openStream(request, reply, manualClock(), ending.signal)
    const leave = feed.listen(undefined, (message) => stream.send(message))
    stream.gone.addEventListener('abort', leave)
    streams.push(stream)
  })
  onTestFinished(() => app.close())
  onTestFinished(() => ending.abort())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const open = async (): Promise<IncomingMessage> => {
    const [answer] = await once(get(url), 'response')
    return answer
  }
  const [reader, sleeper] = [await open(), await open()]
  sleeper.on('error', () => {})
  sleeper.pause()
  let last = ''
  reader.setEncoding('utf8')
  reader.on('data', (chunk: string) => {
    last = (last + chunk).slice(-300)
  })
  const before = await heap()
  const filling = 'x'.repeat(100)
  for (let id = 1; id <= 1_000_000; id += 1) {
    feed.publish('execution', { id, filling })
    if (id % 500 === 0) await streams[0]?.drained()
    if (id % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await until('the reader has all', () => last.includes('"id":1000000,'))
  expect(streams.map(({ gone }) => gone.aborted)).toEqual([false, true])
  // Some 200 MB have passed.
  expect((await heap()) - before).toBeLessThan(20 * 1024 * 1024)
})
