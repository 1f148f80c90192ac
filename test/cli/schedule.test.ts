/** The coming times of policies, and what crontabs, timers and cluster jobs are made of them. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import type { Entry, Place } from '../../src/cli/commands/schedule/entry.ts'
import { exported } from '../../src/cli/commands/schedule/export.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { Policy, Trigger } from '../../src/core/policy.ts'
import { schedulesOf } from '../../src/core/schedule.ts'
import type { ScheduleRun } from '../../src/history/history.ts'
import { program } from '../e2e/program.ts'
import { command, policy } from './support.ts'

const scheduled = (name: string, ...triggers: readonly Trigger[]): Policy => ({ ...policy, name, triggers })

const nightly = scheduled('nightly', { schedule: '0 2 * * *', timezone: 'Europe/Berlin' })
const often = scheduled('often', { schedule: '*/30 * * * *', timezone: 'UTC' })

describe('schedule next', () => {
  test('lists the times of all policies together, in the time zone of each', async () => {
    const { stdout } = await command(['schedule', 'next', '--count', '2'], { policies: [nightly, often] })
    expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['TIME', 'TIME ZONE', 'FROM NOW', 'POLICY', 'SCHEDULE'],
      ['Fri 2026-05-01 12:30:00', 'UTC', 'in 25 min', 'often', '*/30 * * * *'],
      ['Fri 2026-05-01 13:00:00', 'UTC', 'in 55 min', 'often', '*/30 * * * *'],
      [''],
    ])
    const named = await command(['schedule', 'next', 'nightly', '--count', '1'], { policies: [nightly, often] })
    expect(named.stdout).toContain('Sat 2026-05-02 02:00:00  Europe/Berlin  in 11 h   nightly  0 2 * * *')
  })

  test('is JSON in UTC', async () => {
    const { stdout } = await command(['schedule', 'next', '--json', '--count', '1'], { policies: [nightly] })
    expect(JSON.parse(stdout)).toEqual([
      { policy: 'nightly', time: '2026-05-02T00:00:00.000Z', schedule: '0 2 * * *', timezone: 'Europe/Berlin' },
    ])
  })

  test('says what to do where nothing is scheduled', async () => {
    const { code, stdout } = await command(['schedule', 'next'], { policies: [policy] })
    expect(code).toBe(0)
    expect(stdout).toContain('none of these policies has a schedule')
  })
})

test('schedule past says what became of each time', async () => {
  const run = { policy: 'nightly', times: 1, execution: null, reason: null } as const
  const at = (hour: number): string => `2026-05-01T0${hour}:00:00.000Z`
  const scheduleRuns: readonly ScheduleRun[] = [
    { ...run, due: at(1), last: at(4), times: 4, outcome: 'missed', reason: 'it did not run' },
    { ...run, due: at(5), last: at(5), outcome: 'caught_up', execution: 12 },
  ]
  const { stdout } = await command(['schedule', 'past'], { scheduleRuns })
  expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['DUE', 'POLICY', 'OUTCOME', 'EXECUTION', 'REASON'],
    ['Fri 2026-05-01 01:00:00 to Fri 2026-05-01 04:00:00, 4 times', 'nightly', 'missed', 'it did not run'],
    ['Fri 2026-05-01 05:00:00', 'nightly', 'caught up', '12'],
    [''],
  ])
  const { stdout: none } = await command(['schedule', 'past', 'nightly'])
  expect(none).toBe('no schedule of nightly has come due in `replicate serve`\n')
})

test('schedule export needs a schedule, and a format', async () => {
  const without = await command(['schedule', 'export', '--format', 'crontab'], { policies: [policy] })
  expect(without).toMatchObject({ code: 2, stdout: '' })
  expect(without.stderr).toContain('none of these policies has a schedule')
  const unknown = await command(['schedule', 'export', '--format', 'launchd'], { policies: [nightly] })
  expect(unknown).toMatchObject({ code: 2, stdout: '' })
  expect(unknown.stderr).toContain('Allowed choices are crontab, systemd, kubernetes')
})

test('schedule export and next, and the check of a file, need no secret', async () => {
  const here = program({ REPLICATE_HUB_TOKEN: 'hidden' })
  here.write(
    'policy.yaml',
    `registries:
  hub: { type: docker-registry, url: https://hub.example.com }
  corp: { type: docker-registry, url: https://corp.example.com, credential: { type: token, token: "\${CORP}" } }
policies:
  p: { source: hub/app, destination: corp/mirror, triggers: [{ schedule: "0 2 * * *" }] }
`,
  )
  for (const format of ['crontab', 'systemd', 'kubernetes']) {
    const { code, stdout, stderr } = await here.run(['schedule', 'export', 'policy.yaml', '--format', format])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    // What must be there when the time comes is named, without its value.
    for (const name of ['CORP', 'REPLICATE_HUB_TOKEN']) expect(stdout).toContain(name)
    expect(stdout).not.toContain('hidden')
    if (format === 'systemd') {
      expect(stdout).toContain('\nEnvironmentFile=-%E/replicate/environment\n')
      // The command that makes the files is run elsewhere.
      expect(stdout).toContain(`export --format systemd ${join(here.directory, 'policy.yaml')} | awk`)
    }
    if (format !== 'kubernetes') expect(stdout).toMatch(/^# .*no keychain/m)
  }
  expect(await here.run(['schedule', 'next', 'policy.yaml'])).toMatchObject({ code: 0, stderr: '' })
  expect(await here.run(['config', 'show', 'policy.yaml'])).toMatchObject({ code: 0, stderr: '' })
  const validated = await here.run(['policies', 'validate', 'policy.yaml'])
  expect(validated).toMatchObject({ code: 0, stderr: 'warning: CORP is not set here, and a run needs it\n' })
  expect(JSON.parse((await here.run(['policies', 'validate', 'policy.yaml', '--json'])).stdout)).toMatchObject({
    valid: true,
    unset: ['CORP'],
  })
  expect(await here.run(['plan', 'policy.yaml'])).toMatchObject({ code: 2 })
})

const place: Place = {
  program: ['/opt/my node/bin/node', '/usr/bin/replicate'],
  home: '/var/lib/replicate',
  user: "/etc/it's 100%/$x.yaml",
  fileOf: () => "/etc/it's 100%/$x.yaml",
  timezone: 'Asia/Tokyo',
  variables: [],
}

const entriesOf = (...policies: readonly Policy[]): readonly Entry[] =>
  policies.flatMap((one) => schedulesOf(one).map((schedule) => ({ policy: one, schedule })))

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => !/^(#|$)/.test(line))

describe('a crontab', () => {
  const crontab = (...policies: readonly Policy[]) => exported('crontab', entriesOf(...policies), place)

  test('quotes for the shell, and for cron, to which a percent sign is the end', () => {
    const [line] = lines(crontab(scheduled('p', { schedule: '0 2 * * *' })).text)
    expect(line).toBe(
      "0 2 * * * '/opt/my node/bin/node' /usr/bin/replicate --config '/etc/it'\\''s 100\\%/$x.yaml' --home /var/lib/replicate --quiet run --policy p --trigger schedule",
    )
  })

  test('has what needs no time zone before those that do', () => {
    const local = scheduled('local', { schedule: '@daily' })
    expect(lines(crontab(nightly, often, local).text).map((line) => line.replace(/ '.*policy/, ''))).toEqual([
      '0 0 * * * local --trigger schedule',
      'CRON_TZ=Europe/Berlin',
      '0 2 * * * nightly --trigger schedule',
      'CRON_TZ=UTC',
      '0,30 * * * * often --trigger schedule',
    ])
  })

  test.each([
    ['5/15 9-17 * * *', '5,20,35,50 9-17 * * *'],
    ['*/7 */6 * * *', '*/7 */6 * * *'],
    ['0 0 */10 jan,feb,mar sun-tue', '0 0 1,11,21,31 1-3 0-2'],
    ['0 0 1 * 7', '0 0 1 * 0'],
    ['@weekly', '0 0 * * 0'],
  ])('writes %s as %s, which every cron understands alike', (schedule, expected) => {
    const [line = ''] = lines(crontab(scheduled('p', { schedule })).text)
    expect(line.slice(0, line.indexOf(" '"))).toBe(expected)
  })

  test('rounds seconds down and says so, and refuses several in a minute', () => {
    expect(crontab(scheduled('p', { schedule: '30 0 2 * * *' }))).toMatchObject({
      text: expect.stringContaining('\n0 2 * * * '),
      warnings: ['policy p: a crontab has no seconds: `30 0 2 * * *` runs 30 s early'],
    })
    expect(() => crontab(scheduled('p', { schedule: '*/30 * * * * *' }))).toThrow(ConfigurationError)
  })

  test('waits where the policy queues what overlaps, and names a file that is not the user’s configuration', () => {
    const queued = { ...scheduled('p', { schedule: '@daily' }), on_overlap: 'queue' } as const
    const other = { ...place, user: undefined, fileOf: () => '/srv/policy.yaml' }
    expect(exported('crontab', entriesOf(queued), other).text).toContain(
      '/usr/bin/replicate --home /var/lib/replicate --quiet run /srv/policy.yaml --policy p --trigger schedule --wait\n',
    )
  })

  test('tells which variables the configuration reads', () => {
    const { text } = exported('crontab', entriesOf(nightly), { ...place, variables: ['HUB_PASSWORD'] })
    expect(text).toContain('\n# HUB_PASSWORD=…\n')
  })

  test('refuses a path with a line break', () => {
    const broken = { ...place, home: '/tmp/a\nb' }
    expect(() => exported('crontab', entriesOf(nightly), broken)).toThrow('line break')
  })
})

describe('timers of systemd', () => {
  const units = (...triggers: readonly Trigger[]): readonly string[] =>
    lines(exported('systemd', entriesOf(scheduled('p', ...triggers)), place).text)

  test('quote for systemd', () => {
    expect(units({ schedule: '@daily' })).toContain(
      'ExecStart="/opt/my node/bin/node" /usr/bin/replicate --config "/etc/it\'s 100%%/$$x.yaml" --home /var/lib/replicate --quiet run --policy p --trigger schedule',
    )
  })

  test('have a line for each schedule, with seconds and time zones', () => {
    const found = units(
      { schedule: '30 */20 2 * * *', timezone: 'Europe/Berlin' },
      { schedule: '0 9-17 1,15 1-3 fri' },
      { schedule: '0 0 * * 1-5' },
    )
    expect(found.filter((line) => line.startsWith('OnCalendar='))).toEqual([
      'OnCalendar=*-*-* 02:00,20,40:30 Europe/Berlin',
      'OnCalendar=*-01..03-01,15 09..17:00:00',
      'OnCalendar=Fri *-01..03-* 09..17:00:00',
      'OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 00:00:00',
    ])
  })
})

describe('cron jobs of Kubernetes', () => {
  test('name the time zone, what is mounted, and each schedule once', () => {
    const twice = scheduled('Base.Images', { schedule: '0 2 * * *', timezone: 'UTC' }, { schedule: '0 3 * * *' })
    const { text } = exported('kubernetes', entriesOf(twice), place)
    const jobs = parseAllDocuments(text).map((document) => document.toJS())
    expect(jobs).toMatchObject([
      {
        kind: 'CronJob',
        metadata: { name: 'replicate-base-images' },
        spec: { schedule: '0 2 * * *', timeZone: 'UTC', concurrencyPolicy: 'Forbid' },
      },
      { metadata: { name: 'replicate-base-images-2' }, spec: { schedule: '0 3 * * *', timeZone: 'Asia/Tokyo' } },
    ])
    const [container] = jobs[0].spec.jobTemplate.spec.template.spec.containers
    expect(container.args).toEqual([
      '--config',
      '/etc/replicate/-x.yaml',
      '--home',
      '/var/lib/replicate',
      '--quiet',
      'run',
      '--policy',
      'Base.Images',
      '--trigger',
      'schedule',
    ])
  })

  test('are Indexed Jobs of parts, each with a history of its own', () => {
    const { text } = exported('kubernetes', entriesOf(nightly), { ...place, shards: 3 })
    const [, job] = text.split('---\n')
    const { spec } = parse(job ?? '').spec.jobTemplate
    expect(spec).toMatchObject({ completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimit: 0 })
    const [container] = spec.template.spec.containers
    expect(container.command).toEqual(['sh', '-c'])
    const said = (index: number): string => {
      const line = container.args[0].replace(/^exec replicate/, "printf '%s\n'")
      return execFileSync('sh', ['-c', line], { env: { JOB_COMPLETION_INDEX: String(index) }, encoding: 'utf8' })
    }
    expect(said(0)).toContain('--home\n/var/lib/replicate/0\n')
    expect(said(0)).toMatch(/--shard\n1\/3\n$/)
    expect(said(2)).toMatch(/--shard\n3\/3\n$/)
    expect(text).toContain('ReadWriteMany')
  })

  test('have names that a cluster takes, whatever the policy is called', () => {
    const { text } = exported('kubernetes', entriesOf({ ...nightly, name: `${'a'.repeat(60)}.B` }), place)
    const name = /name: (replicate-\S+)/.exec(text)?.[1] ?? ''
    expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
    expect(name.length).toBeLessThanOrEqual(52)
    expect(parse(text.split('---\n')[1] ?? '').metadata.annotations['replicate/policy']).toHaveLength(62)
  })
})
