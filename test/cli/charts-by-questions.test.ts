/** Chart repositories added, and a policy for charts created, by questions on a terminal. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { answer, DOWN, ENTER, shown } from '../e2e/keyboard.ts'
import { program } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'
import { startHelmHttp } from '../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { chartMuseum } from '../support/helm.ts'

// Dozens of questions one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

describe.runIf(hasTerminal && missingHelm().length === 0)('chart repositories', () => {
  test('are added with few answers, offered as what they can be, and charts go from one to the other', async () => {
    const from = await startHelmHttp()
    onTestFinished(() => from.close())
    const charts = ['1.0.0', '1.1.0+b.5', '2.0.0-rc.1'].map((version) => chart('demo', version))
    for (const { file, archive } of charts) from.files.set(file, archive)
    from.files.set('index.yaml', Buffer.from(indexOf(charts.map((one) => entryOf(one)))))
    const museum = await chartMuseum()
    const here = program({ REPLICATE_CONFIG: 'config.yaml', TERM: 'xterm' })
    const ask = (...args: readonly string[]) => here.start(args, { keyboard: true, wrap: inTerminal })

    const first = ask('registries', 'add')
    await answer(first, [
      ['❯ Docker Registry', 'Helm rep'],
      ['❯ Helm repository', ENTER],
      ['Name', `\u0015charts${ENTER}`],
      ['URL:', `${from.host}/charts${ENTER}`],
      ['Description', ENTER],
      // Most of them are open to everyone.
      ['❯ None here', ENTER],
      ['✓ GET index.yaml', ''],
      ['lists repositories, such as demo', ''],
      ['❯ Save it', ENTER],
    ])
    expect((await first.ended).code, shown(first)).toBe(0)

    const second = ask('registries', 'add')
    await answer(second, [
      ['❯ Docker Registry', 'Chart'],
      ['❯ ChartMuseum', ENTER],
      ['Name', `\u0015museum${ENTER}`],
      ['URL:', `${museum.url}${ENTER}`],
      ['Description', ENTER],
      ['❯ A user name', `${DOWN}${DOWN}`],
      ['❯ None here', ENTER],
      ['answered as ChartMuseum', ''],
      ['❯ Save it', ENTER],
    ])
    expect((await second.ended).code, shown(second)).toBe(0)

    const third = ask('policies', 'create', 'leave')
    await answer(third, [
      ['❯ charts', ENTER],
      // No question for namespaces, as no chart is in one.
      ['Repositories:', `${DOWN}`],
      ['❯ demo', ENTER],
      ['Tags', ENTER],
      ['Only versions', `>=1.1.0+b.1${ENTER}`],
      ['Only the newest', ENTER],
      ['✓ they match 1 repository, 1 of 3 tags', ''],
      ['demo  1.1.0_b.5', ''],
      ['❯ continue', ENTER],
      // What can only be read is not offered.
      ['Destination registry:', ''],
      ['❯ museum', ENTER],
      ['Namespace there', ENTER],
      ['When does it run?', ENTER],
      ['❯ Save it', ENTER],
    ])
    expect((await third.ended).code, shown(third)).toBe(0)
    expect(shown(third)).not.toContain('Namespaces there')
    expect(shown(third).split('Destination registry:')[1]?.split('Namespace there')[0]).not.toContain('charts  http')
    const file = readFileSync(join(here.directory, 'config.yaml'), 'utf8')
    expect(file).toContain('    source: charts\n    destination: museum\n')
    expect(await here.run(['run', 'leave', '-q'])).toMatchObject({ code: 0 })
    expect((await here.run(['ls', 'museum/demo'])).stdout).toBe('demo:1.1.0_b.5\n')
  })
})
