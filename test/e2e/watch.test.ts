/** A second terminal sees what the first one runs, and changes it: two processes, one history. */

import { afterEach, expect, test } from 'vitest'
import { openHistory } from '../../src/history/history.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, type Running, until } from './program.ts'
import { hasTerminal, inTerminal } from './terminal.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Milliseconds. The promise is two seconds; the machine may be slow, and what is not heard is not heard at all. */
const SOON = 20_000

interface Scene {
  readonly here: Program
  readonly running: Running
  /** Lets the blob go on that stands half way. */
  open(): void
}

/** The first of two images stands still in the middle of its layer. */
async function halfWay(env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const gate = await gatedSource({ images: 2 })
  closing.push(
    () => gate.open(),
    () => gate.source.close(),
  )
  const destination = await registry()
  const here = program(env)
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url))
  const running = here.start(['run', 'policy.yaml', '--concurrency', '1'])
  const received = (): number => destination.requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0)
  await until('half of the blob is sent', () => received() >= gate.half / 2)
  return { here, running, open: gate.open }
}

/** What happened in one second may be written in the next. */
function withoutTimes(text: string): string {
  return text.replaceAll(/^(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d /gm, '')
}

test('watch says what run says, and ends with it', async () => {
  const { here, running, open } = await halfWay()
  const watching = here.start(['executions', 'watch', 'last'])
  await until('it has said what was before', () => /transfer {2}2 tasks/.test(watching.said()))
  open()
  const [ran, watched] = [await running.ended, await watching.ended]
  expect(watched).toMatchObject({ code: 0, stdout: ran.stdout })
  expect(withoutTimes(watched.stderr)).toBe(withoutTimes(ran.stderr))
})

test('watch --json has the lines of run --json', async () => {
  const { here, running, open } = await halfWay()
  const watching = here.start(['executions', 'watch', 'last:copy', '--json'])
  await until('it watches', () => watching.said().includes('"stage":"transfer"'))
  open()
  await running.ended
  const { code, stdout } = await watching.ended
  expect(code).toBe(0)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines[0]).toMatchObject({ type: 'execution', id: 1, policy: 'copy' })
  expect(lines.filter(({ type }) => type === 'task')).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }])
  expect(lines.filter(({ stage }) => stage).map(({ stage, state }) => `${stage} ${state}`)).toEqual([
    'prepare started',
    'prepare ended',
    'transfer started',
    'transfer ended',
    'post ended',
  ])
  expect(lines.at(-1)).toMatchObject({
    type: 'exit',
    code: 0,
    executions: [{ id: 1, status: 'succeeded', succeed: 2 }],
  })
})

test.runIf(hasTerminal)('on a terminal watch draws the bars of blobs that another process copies', async () => {
  const { here, running, open } = await halfWay({ TERM: 'xterm' })
  const watching = here.start(['executions', 'watch', 'last'], { wrap: inTerminal })
  await until('a bar stands half way', () => /\d+\.\d KiB of +1\.9 MiB {2}to\/mirror\/app:v\d/.test(watching.said()))
  open()
  expect(await running.ended).toMatchObject({ code: 0 })
  const { code, stdout } = await watching.ended
  expect(code).toBe(0)
  expect(stdout).toContain('Execution 1')
})

test.runIf(hasTerminal)('Ctrl-C ends the watching, and nothing else', async () => {
  const { here, running, open } = await halfWay({ TERM: 'xterm' })
  const watching = here.start(['executions', 'watch', 'last'], { wrap: inTerminal, keyboard: true })
  await until('it watches', () => watching.said().includes('KiB'))
  watching.process.stdin?.write('\u0003')
  const { code, stdout } = await watching.ended
  expect(code).toBe(130)
  expect(stdout).toContain('execution 1 still runs')
  expect(stdout).not.toContain('Execution 1')
  open()
  expect(await running.ended).toMatchObject({ code: 0 })
})

test('a second terminal watches, pauses, resumes and stops, each within two seconds', async () => {
  const { here, running } = await halfWay()
  const watching = here.start(['executions', 'watch', '1'])
  const within: Record<string, number> = {}
  const measure = async (what: string, ask: Promise<unknown> | undefined, seen: () => boolean): Promise<void> => {
    await ask
    const began = performance.now()
    await until(`it is seen to ${what}`, seen)
    within[what] = performance.now() - began
  }
  await until('it has started', () => watching.said().includes('copy  from'))
  await measure('watch', undefined, () => watching.said().includes('transfer  2 tasks'))
  await measure('pause', here.run(['executions', 'pause', '1']), () =>
    watching.said().includes('waiting: paused by `executions pause`'),
  )
  const history = await openHistory(here.home, { readonly: true })
  closing.push(() => history.close())
  expect(history.executions.get(1).status).toBe('paused')
  await measure(
    'resume',
    here.run(['executions', 'resume', '1']),
    () => history.executions.get(1).status === 'in_progress',
  )
  await measure('stop', here.run(['executions', 'stop', '1']), () => watching.said().includes('Execution 1 stopped'))
  expect(await running.ended).toMatchObject({ code: 4 })
  expect(await watching.ended).toMatchObject({ code: 4 })
  expect(Object.entries(within).filter(([, took]) => took > SOON)).toEqual([])
})

test('watching what has ended says how it was, failures included, with the same exit status', async () => {
  const source = await registry({ fault: ({ route }) => (route === 'blob' ? { status: 403 } : undefined) })
  const destination = await registry()
  source.add('app', image(), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const ran = await here.run(['run', 'policy.yaml'])
  const watched = await here.run(['executions', 'watch', 'last'])
  expect(watched).toMatchObject({ code: 1, stdout: ran.stdout })
  expect(withoutTimes(watched.stderr)).toBe(withoutTimes(ran.stderr))
  expect(watched.stderr).toContain('✗ from/app:v1 → to/mirror/app:v1')

  here.write('unreachable.yaml', policyBetween('http://127.0.0.1:1', destination.url))
  const refused = await here.run(['run', 'unreachable.yaml'])
  expect(refused.code).toBe(3)
  expect(await here.run(['executions', 'watch', 'last'])).toMatchObject({ code: 3, stderr: refused.stderr })
  expect(await here.run(['executions', 'watch', '99'])).toMatchObject({ code: 2 })
})

test('an execution whose process dies ends for its watcher as interrupted', async () => {
  const { here, running } = await halfWay()
  const watching = here.start(['executions', 'watch', 'last'])
  await until('it watches', () => watching.said().includes('transfer'))
  running.process.kill('SIGKILL')
  expect(await watching.ended).toMatchObject({ code: 1, stdout: expect.stringContaining('Execution 1 interrupted') })
})
