/** The command line as users meet it: help, mistakes, options, exit status. */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import type { PolicyPlan } from '../../src/app/app.ts'
import { STATUSES, worstExitCode } from '../../src/cli/exit-code.ts'
import { buildProgram } from '../../src/cli/program/program.ts'
import { ConfigurationError, LockedError } from '../../src/core/errors.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { command, execution, policy, task } from './support.ts'

/** Every command and group, as it is typed. */
function namesOf(command: Command): readonly (readonly string[])[] {
  // What shells call is not for people.
  const shown = command.commands.filter((child) => !child.name().startsWith('__'))
  return shown.flatMap((child) => [[child.name()], ...namesOf(child).map((names) => [child.name(), ...names])])
}

const COMMANDS = [[], ...namesOf(buildProgram(async () => {}))]

/** Where the clock of these tests stands. */
const now = '2026-05-01T12:05:00.000Z'

const plan: PolicyPlan = {
  policy: 'base-images',
  source: 'hub',
  destination: 'harbor/mirror',
  unchanged: 1,
  seen: 2,
  left_behind: {},
  explanations: [],
  warnings: [],
  actions: [
    {
      action: 'copy',
      resource_type: 'image',
      source: 'hub/library/redis:7',
      destination: 'harbor/mirror/redis:7',
      digest: null,
      previous_digest: null,
      bytes: 10,
      bytes_to_copy: 10,
      layers: 1,
      layers_to_copy: 1,
      platforms: [],
      referrers: null,
      reason: null,
      hint: null,
      named_by: null,
    },
  ],
  tasks: [
    {
      action: 'copy',
      resource_type: 'image',
      source: { registry: 'hub', repository: 'library/redis', tag: '7' },
      destination: { registry: 'harbor', repository: 'mirror/redis', tag: '7' },
      digest: `sha256:${'0'.repeat(64)}`,
      labels: ['stable'],
    },
  ],
}

/** As the terminal of the test would have them, in any time zone. */
function withoutTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\d (?=\d\d:)/g, 'DAY ').replaceAll(/\b\d\d:\d\d:\d\d(?= )/g, 'TIME')
}

describe('help and mistakes', () => {
  test.each(COMMANDS.map((names) => [names]))(
    '%j shows an example in its help, which `help` prints too',
    async (names) => {
      const result = await command([...names, '--help'])
      expect(await command(['help', ...names])).toEqual(result)
      expect(result.code).toBe(0)
      expect(result.stdout).toMatch(/\nExamples?:\n {2}\$ replicate /)
      expect(result.stdout).toContain('--home')
    },
  )

  test('help and README say the same of each exit status', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
    const { stdout } = await command(['--help'])
    for (const [status, meaning] of STATUSES) {
      expect(readme).toContain(`\n| ${status} | ${meaning} |\n`)
      expect(stdout.replaceAll(/\n {17}/g, ' ')).toContain(`  ${status.padEnd(13)}  ${meaning}\n`)
    }
  })

  test('help of what does not exist is corrected like any mistake', async () => {
    expect(await command(['help', 'rnu'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean `run`?'),
    })
    expect(await command(['help', 'executions', 'lsit'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('`list`'),
    })
  })

  test('a mistyped command is corrected, with status 2', async () => {
    const result = await command(['rnu'])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain('did you mean `run`?')
  })

  test.each([
    [['run', '--concurrency', '0'], 'a whole number from 1 on'],
    [['run', '--bandwidth', 'fast'], 'a rate such as 50MiB/s'],
    [['run', '--timeout', '2 hours'], 'a duration such as'],
    [['run', '--filter', 'colour=red'], 'KEY one of name, tag, resource, label'],
    [['run', '--filter', 'tag={3.*'], '`{3.*` is not a valid pattern: `{` is never closed'],
    [['run', '--filter', 'tag=redis:7.*'], 'a tag has no `:`. Please write the repository and its tags apart'],
    [['run', '--filter', 'name=redis@7'], 'the name of a repository has no `@`'],
    [['run', '--shard', '5/4'], 'the I-th of N parts'],
    [['run', '--report', 'r.pdf'], 'must end in .html or .json or .xml'],
    [['copy', 'a'], "missing required argument 'destination'"],
  ])('%j is refused with status 2 and the reason', async (args, reason) => {
    const result = await command(args)
    expect(result.code).toBe(2)
    expect(result.stderr).toContain(reason)
  })

  test.each([
    [['worker', 'w.yaml'], 'the configuration is named by an option: `replicate worker --config w.yaml`'],
    [['workers', 'list', '/etc/w.yml'], '`replicate workers list --config /etc/w.yml`'],
    [['doctor', 'my config.yaml'], '`replicate doctor --config FILE`'],
    [['executions', 'list', 'w.yaml', '--json'], '`replicate executions list --config w.yaml`'],
    [['w.yaml'], 'to run its policies: `replicate run w.yaml`'],
  ])('%j is told how a file is named', async (args, hint) => {
    const { code, stdout, stderr } = await command(args)
    expect(code).toBe(2)
    expect(stdout + stderr).toContain(hint)
  })

  test.each([[['doctor', 'now']], [['doctor', 'w.yaml', '--config', 'c.yaml']]])(
    '%j is told nothing of files',
    async (args) => {
      expect((await command(args)).stderr).not.toMatch(/configuration is named/)
    },
  )

  test('a usage error is an object on standard output under --json', async () => {
    const result = await command(['run', '--shard', 'x', '--json'])
    expect(result.stderr).toBe('')
    expect(JSON.parse(result.stdout)).toMatchObject({ type: 'error', code: 'usage' })
  })

  test('global options hold before and after the command', async () => {
    const before = await command(['--json', 'config', 'path'])
    const after = await command(['config', 'path', '--json'])
    expect(before.stdout).toBe(after.stdout)
    expect(JSON.parse(after.stdout)).toEqual({
      configuration: '/home/me/.config/replicate/config.yaml',
      home: '/state',
    })
  })
})

describe('run', () => {
  test('results go to standard output, progress and failures to standard error', async () => {
    const result = await command(['run'], {
      events: [
        { type: 'stage', stage: 'prepare', state: 'ended', text: '2 registries reachable' },
        {
          type: 'task',
          task: { ...task, id: 3, status: 'failed', error: { code: 'locked', message: 'held', hint: 'wait' } },
        },
      ],
      outcome: { execution: { ...execution, status: 'failed', failed: 1 }, exitCode: 1 },
    })
    expect(result.code).toBe(1)
    expect(result.stdout).toBe('Execution 42 failed in 2.4 s\n  total 3 · succeeded 3 · failed 1 · unchanged 58\n')
    expect(withoutTimes(result.stderr)).toBe(
      'DAY TIME base-images  hub → harbor/mirror\nTIME prepare   2 registries reachable\nTIME ✗ hub/library/redis:7 → harbor/mirror/redis:7  held\n  wait\n  log: replicate executions logs 42 3\n',
    )
  })

  test('tasks that failed while planning are shown too', async () => {
    const failed = { ...task, id: 9, status: 'failed', error: { code: 'blocked', message: 'too deep' } } as const
    const result = await command(['run'], {
      tasks: [failed],
      outcome: { execution: { ...execution, status: 'failed', failed: 1 }, exitCode: 1 },
    })
    expect(result.stderr).toContain('✗ hub/library/redis:7 → harbor/mirror/redis:7  too deep\n')
  })

  test('without a terminal each task is named once it has ended, with time, digest, sizes and duration', async () => {
    const digest = `sha256:9f31c2${'0'.repeat(58)}` as const
    const done = { ...task, digest, dest_digest: digest, bytes_copied: 900_000 }
    const events = [
      { type: 'task', task: done },
      { type: 'task', task: { ...done, action: 'update', bytes_present: 2048, bytes_mounted: 1024 } },
      { type: 'task', task: { ...done, action: 'delete', dest_digest: null } },
      // The source had it again.
      { type: 'task', task: { ...done, action: 'delete' } },
      // Was compared again and found unchanged.
      { type: 'task', task: { ...done, dest_digest: null } },
    ] as const
    const { stderr } = await command(['run'], { events })
    expect(withoutTimes(stderr).split('\n').slice(1)).toEqual([
      'TIME + hub/library/redis:7 → harbor/mirror/redis:7  sha256:9f31c2000000  878.9 KiB  1.5 s',
      'TIME ~ hub/library/redis:7 → harbor/mirror/redis:7  sha256:9f31c2000000  878.9 KiB copied, 3.0 KiB already there  1.5 s',
      'TIME - harbor/mirror/redis:7  1.5 s',
      '',
    ])
    expect((await command(['run', '-q'], { events })).stderr).toBe('')
    const terminal = { events, terminal: true }
    expect((await command(['run', '--no-color'], terminal)).stderr).not.toContain('redis')
    const verbose = await command(['run', '--no-color', '-v'], terminal)
    expect(withoutTimes(verbose.stderr)).toContain('TIME + hub/library/redis:7 → ')
  })

  test('--quiet says nothing of a success', async () => {
    expect(await command(['run', '-q'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  test('--quiet says what a run waits for where somebody must do something about it', async () => {
    const events = [
      { type: 'waiting', reason: 'rate limit' },
      { type: 'waiting', reason: 'no worker', stuck: true },
    ] as const
    const { stderr } = await command(['run', '-q'], { events })
    expect(withoutTimes(stderr)).toBe('TIME waiting: no worker\n')
  })

  test('--json prints an object a line and ends with the exit status', async () => {
    const result = await command(['run', '--json'], {
      events: [
        { type: 'stage', stage: 'transfer', state: 'started', text: '1 task' },
        { type: 'task', task },
        { type: 'waiting', reason: 'rate limit' },
      ],
    })
    const lines = result.stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(lines).toEqual([
      { type: 'execution', ...execution },
      {
        type: 'log',
        execution_id: 42,
        policy: 'base-images',
        time: now,
        level: 'info',
        stage: 'transfer',
        state: 'started',
        text: '1 task',
      },
      { type: 'task', ...task },
      { type: 'waiting', execution_id: 42, policy: 'base-images', time: now, reason: 'rate limit', until: null },
      { type: 'execution', ...execution },
      { type: 'exit', code: 0, executions: [execution] },
    ])
    expect(result.stderr).toBe('')
  })

  test('every option reaches the program', async () => {
    const args =
      '--concurrency 4 --bandwidth 50MiB/s --filter tag=3.* --filter tag=4.* --fail-fast --max-failures 5 --wait --timeout 2h --shard 1/4'
    const { ran } = await command(['run', ...args.split(' ')])
    expect(ran).toEqual([
      {
        concurrency: 4,
        bandwidth: 50 * 1024 * 1024,
        filter: { tag: ['3.*', '4.*'] },
        failFast: true,
        maxFailures: 5,
        wait: true,
        timeout: 7_200_000,
        shard: { index: 1, count: 4 },
      },
    ])
  })

  test('a policy that never began shows why, and its exit status', async () => {
    const error = new LockedError('policy base-images is already running', { hint: 'use --wait' })
    const result = await command(['run'], { outcome: { error, exitCode: 5 } })
    expect(result.code).toBe(5)
    expect(result.stderr).toContain('error: policy base-images is already running\n  use --wait\n')
  })

  test('an unknown policy is answered with the one that was meant', async () => {
    const result = await command(['run', 'base-imgaes'])
    expect(result.code).toBe(2)
    expect(result.stderr).toBe('error: there is no policy base-imgaes\n  did you mean `base-images`?\n')
  })

  test('a disabled policy is passed over, and refused by name', async () => {
    const policies = [policy, { ...policy, name: 'off', enabled: false }]
    expect((await command(['run', 'a.yaml'], { policies })).names).toEqual(['base-images'])
    expect(await command(['run', '--policy', 'off'], { policies })).toMatchObject({ code: 2, names: [] })
  })

  test('files and names of policies do not mix', async () => {
    expect(await command(['run', 'a.yaml', 'base-images'])).toMatchObject({ code: 2, names: [] })
  })

  test('reports and summaries are written, and the job summary appended', async () => {
    const cwd = temporaryDirectory()
    await writeFile(join(cwd, 'job.md'), 'before\n')
    await command(['run', '--report', 'r.json', '--summary', 's.md'], {
      cwd,
      tasks: [task],
      env: { GITHUB_STEP_SUMMARY: join(cwd, 'job.md') },
    })
    expect(JSON.parse(await readFile(join(cwd, 'r.json'), 'utf8'))).toEqual({
      executions: [{ ...execution, tasks: [task] }],
    })
    const summary = await readFile(join(cwd, 's.md'), 'utf8')
    expect(summary).toContain('| `base-images` | ✅ succeeded |')
    expect(await readFile(join(cwd, 'job.md'), 'utf8')).toBe(`before\n${summary}`)
  })

  test('a report that cannot be written is refused before anything runs', async () => {
    expect(await command(['run', '--report', 'missing/r.xml'])).toMatchObject({ code: 2, names: [] })
  })
})

describe('plan', () => {
  test('--exit-code gives 6 where there is something to do, 0 where not', async () => {
    expect((await command(['plan', '--exit-code'], { plan })).code).toBe(6)
    expect((await command(['plan', '--exit-code'], { plan: { ...plan, actions: [] } })).code).toBe(0)
    expect((await command(['run', '--dry-run'], { plan })).code).toBe(0)
  })

  test('--json prints the documented fields', async () => {
    const { stdout } = await command(['plan', '--json'], { plan })
    const { tasks: _, explanations: __, ...shown } = plan
    expect(JSON.parse(stdout)).toEqual({ policies: [shown] })
  })

  test('a plan that was written out is applied as it is', async () => {
    const cwd = temporaryDirectory()
    await command(['plan', 'p.yaml', '--out', 'plan.json'], { plan, cwd })
    const { ran } = await command(['run', '--plan', 'plan.json'], { cwd })
    expect(ran[0]?.plan?.policies.map(({ policy, tasks }) => [policy, [...tasks]])).toEqual([
      ['base-images', plan.tasks],
    ])
    // Not all of it.
    const text = await readFile(join(cwd, 'plan.json'), 'utf8')
    await writeFile(join(cwd, 'plan.json'), `${text.trimEnd().split('\n').slice(0, -1).join('\n')}\n`)
    expect(await command(['run', '--plan', 'plan.json'], { cwd })).toMatchObject({ code: 2, names: [] })
  })

  test('a file that is no plan is refused', async () => {
    const cwd = temporaryDirectory()
    await writeFile(join(cwd, 'plan.json'), '{"version": 2}')
    expect(await command(['run', '--plan', 'plan.json'], { cwd })).toMatchObject({ code: 2, names: [] })
  })
})

describe('the other commands', () => {
  test('executions list is a table, or the documented fields', async () => {
    const text = await command(['executions', 'list'])
    expect(text.stdout).toContain('42  base-images  succeeded  manual')
    expect(text.stdout).toContain('5 min ago')
    expect(JSON.parse((await command(['executions', 'list', '--json'])).stdout)).toEqual([execution])
  })

  test('executions list says when, once that is more than an hour ago, and show always does', async () => {
    const executions = [{ ...execution, start_time: '2026-05-01T11:04:00Z', end_time: '2026-05-01T11:04:02Z' }]
    const when = '2026-\\d\\d-\\d\\d \\d\\d:04'
    expect((await command(['executions', 'list'], { executions })).stdout).toMatch(new RegExp(`${when} `))
    const { stdout } = await command(['executions', 'show', '42'], { executions })
    expect(stdout).toMatch(new RegExp(`^base-images {2}started ${when}:00 \\(1 h ago\\), ended ${when}:02, manual\n`))
  })

  test('executions show adds the tasks', async () => {
    const { stdout } = await command(['executions', 'show', 'last', '--json'], { tasks: [task] })
    expect(JSON.parse(stdout)).toEqual({ ...execution, tasks: [task] })
  })

  test('the log of a task that is not there is no empty log', async () => {
    const { code, stderr } = await command(['executions', 'logs', '42', '7'], { tasks: [task] })
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'error: execution 42 has no task 7\n  `replicate executions show 42` has their numbers\n',
    })
    expect(await command(['executions', 'logs', '42', '1'], { tasks: [task] })).toMatchObject({ code: 0 })
  })

  test('an execution whose process died has no duration: nobody saw its end', async () => {
    const executions = [{ ...execution, status: 'interrupted', duration_ms: 0 } as const]
    expect((await command(['executions', 'show', '42'], { executions })).stdout).toContain('Execution 42 interrupted\n')
    expect((await command(['executions', 'list'], { executions })).stdout).not.toContain('0 ms')
  })

  test('log lines are made harmless', async () => {
    expect((await command(['executions', 'logs', '42'])).stdout).toBe('2026-05-01T12:00:00Z  warning  [3] slow[2J\n')
  })

  test('an execution that has ended cannot be stopped', async () => {
    expect((await command(['executions', 'stop', '42'])).code).toBe(2)
    const running = { ...execution, status: 'in_progress' } as const
    expect((await command(['executions', 'stop', '42'], { executions: [running] })).code).toBe(0)
  })

  test('only a running execution can be paused, and only a paused one goes on where it runs', async () => {
    const running = { executions: [{ ...execution, status: 'in_progress' as const }] }
    expect(await command(['executions', 'pause', '42'])).toMatchObject({ code: 2 })
    expect(await command(['executions', 'pause', '42'], running)).toMatchObject({
      code: 0,
      stdout: 'execution 42 is being paused; `replicate executions resume 42` resumes it\n',
    })
    expect(await command(['executions', 'resume', '42'], running)).toMatchObject({
      code: 2,
      stderr: 'error: execution 42 is running, and not paused\n',
    })
    const paused = await command(['executions', 'resume', 'last', '--json'], { ...running, paused: true })
    expect(JSON.parse(paused.stdout)).toEqual({ id: 42, status: 'in_progress', resuming: true })
    expect(paused).toMatchObject({ code: 0, names: [] })
  })

  test.each(['resume', 'retry'])('%s of an execution that has ended prints and ends like run', async (how) => {
    const failed = { ...execution, status: 'failed' as const, failed: 1 }
    const result = await command(['executions', how, 'last', '--concurrency', '2', '--fail-fast'], {
      executions: [failed],
      outcome: { execution: failed, exitCode: 1 },
    })
    expect(result).toMatchObject({ code: 1, names: [`${how} 42`], ran: [{ concurrency: 2, failFast: true }] })
    expect(result.stderr).toContain('base-images  hub → harbor/mirror\n')
    expect(result.stdout).toContain('Execution 42 failed')
  })

  test('an unknown status is answered with the one that was meant', async () => {
    const result = await command(['executions', 'list', '--status', 'faild'])
    expect(result.stderr).toContain('did you mean `failed`?')
  })

  test('ping shows each step, with status 3 where one failed', async () => {
    const ping = [
      { name: 'DNS', ok: true, duration: 3, detail: '192.0.2.1' },
      { name: 'credential', ok: false, duration: 20, detail: 'refused' },
    ]
    const result = await command(['registries', 'ping', 'hub'], { ping })
    expect(result.code).toBe(3)
    expect(result.stdout).toBe('hub\n  ✓ DNS             3 ms  192.0.2.1\n  ✗ credential     20 ms  refused\n')
  })

  test('a step that says much is broken between words, below itself', async () => {
    const detail = 'refused the credential (401); check user name and password; some refuse the right one for a while'
    const ping = [{ name: 'credential', ok: false, duration: 20, detail }]
    const { stdout } = await command(['registries', 'ping', 'hub', '--no-color'], { ping, terminal: true })
    expect(stdout).toBe(`hub
  ✗ credential     20 ms  refused the credential (401); check user name and password; some refuse
                          the right one for a while
`)
  })

  test('registries and adapters have the documented fields', async () => {
    const registries = [{ name: 'hub', type: 'docker-hub', url: 'https://hub.example.com' }]
    expect(JSON.parse((await command(['registries', 'list', '--json'], { registries })).stdout)).toEqual([
      {
        id: 'hub',
        name: 'hub',
        registry_type: 'docker-hub',
        url: 'https://hub.example.com',
        description: null,
        insecure: false,
        status: 'unknown',
        status_reason: null,
        status_since: null,
        checked_at: null,
        creator: null,
        creation_time: null,
        update_time: null,
      },
    ])
    expect(JSON.parse((await command(['adapters', 'list', '--json'])).stdout)).toMatchObject([
      { identity: 'docker-registry', support_resource_types: ['image', 'chart'] },
    ])
  })

  test('config show leaves secrets out', async () => {
    const registries = [
      {
        name: 'hub',
        type: 'docker-hub',
        url: 'https://user:hunter2@hub.example.com',
        credential: { type: 'basic', username: 'me', password: 'hunter2' },
      } as const,
    ]
    for (const args of [
      ['config', 'show'],
      ['config', 'show', '--json'],
    ]) {
      const { stdout } = await command(args, { registries })
      expect(stdout).not.toContain('hunter2')
      expect(stdout).toContain('me')
    }
  })

  test('config init never overwrites', async () => {
    const cwd = temporaryDirectory()
    expect((await command(['config', 'init', 'a/p.yaml'], { cwd })).code).toBe(0)
    expect((await command(['config', 'init', 'a/p.yaml'], { cwd })).stderr).toContain('it exists already')
  })

  test('copy runs a policy of one use', async () => {
    const result = await command([
      'copy',
      'docker.io/library/alpine:3.20',
      'registry.example.com/mirror/',
      '--no-override',
    ])
    expect(result).toMatchObject({ code: 0, names: ['copy'] })
  })
})

test('the worst exit status is that of all', () => {
  expect(worstExitCode([])).toBe(0)
  expect(worstExitCode([0, 5, 1, 0])).toBe(1)
  expect(worstExitCode([1, 3, 4])).toBe(3)
  expect(worstExitCode([3, 143, 1])).toBe(143)
})

test('an unexpected error is a bug with its stack, and status 1', async () => {
  const result = await command(['plan'])
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/^bug: .*\nError: not part of this test/)
})

test('a configuration error under --json is an object for each problem', async () => {
  const outcome = { error: new ConfigurationError([{ message: 'a' }, { message: 'b' }]), exitCode: 2 }
  const lines = (await command(['run', '--json'], { outcome })).stdout.trimEnd().split('\n')
  expect(lines.slice(1, 3).map((line): unknown => JSON.parse(line))).toMatchObject([
    { type: 'error', message: 'a' },
    { type: 'error', message: 'b' },
  ])
})
