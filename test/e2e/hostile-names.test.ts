/** Names and messages of a hostile registry, through everything that the program writes. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

// A title, a cleared screen, a C1 sequence, a concealed word, and a text that runs backwards.
const EVIL = 'x\u001b]0;owned\u0007\u001b[2J\u009b2J\u001b[8mhidden\u202etxt.exe\u2066'
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

test('no command lets a terminal obey what a registry says', async () => {
  const source = await registry({
    fault: ({ route, path }) =>
      route === 'tags' && path.includes('/bad/')
        ? { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message: EVIL }] }) }
        : undefined,
  })
  for (const repository of ['app', 'bad']) source.add(repository, image({ seed: repository }), 'v1')
  source.add('app', image({ seed: 'evil' }), EVIL)
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, source.url.replace('127.0.0.1', 'localhost')))
  const commands: readonly (readonly string[])[] = [
    ['run', 'policy.yaml', '-vv', '--report', 'report.html', '--summary', 'summary.md'],
    ['run', 'policy.yaml', '-vv', '--json', '--report', 'report.xml'],
    ['plan', 'policy.yaml', '--explain'],
    ['plan', 'policy.yaml', '--json', '--explain'],
    ['verify', 'policy.yaml'],
    ['verify', 'policy.yaml', '--json'],
    ['policies', 'validate', 'policy.yaml', '--online'],
    ['registries', 'ping', '--config', 'policy.yaml'],
    ['credentials', 'check', '--config', 'policy.yaml'],
    ['copy', `${source.host}/bad:*`, 'oci:./there'],
    ['executions', 'list'],
    ['executions', 'show', 'last'],
    ['executions', 'show', '1', '--json'],
    ['executions', 'logs', '1', '--level', 'debug'],
    ['executions', 'logs', '1', '--level', 'debug', '--json'],
    ['executions', 'watch', '1'],
    ['executions', 'report', '1', '--markdown'],
    ['executions', 'show', EVIL],
    ['registries', 'ping', EVIL],
    [EVIL],
  ]
  let said = ''
  for (const command of commands) {
    const { stdout, stderr } = await here.run(command)
    expect([command, OBEYED.exec(stdout + stderr)]).toEqual([command, null])
    said += stdout + stderr
  }
  expect(said).toContain('hidden')
  for (const file of ['report.html', 'report.xml', 'summary.md']) {
    expect([file, OBEYED.exec(readFileSync(join(here.directory, file), 'utf8'))]).toEqual([file, null])
  }
})
