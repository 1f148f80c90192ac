/** A name that the source does not have is seen in whatever a run leaves behind. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

test('a named tag that is not there ends the run with 1, and stands in the output, the reports and the history', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image(), 'v1')
  const cli = program()
  cli.write('policy.yaml', policyBetween(source.url, destination.url, '    filters: { name: app, tag: [v1, v9] }'))
  const run = ['run', 'policy.yaml', '--quiet', '--report', 'junit.xml', '--summary', 'summary.md']
  const { code, stdout, stderr } = await cli.run(run)
  expect(code).toBe(1)
  expect((await cli.run(['executions', 'report', 'last', '--html', 'report.html'])).code).toBe(0)
  const files = ['junit.xml', 'summary.md', 'report.html'].map((name) =>
    readFileSync(join(cli.directory, name), 'utf8'),
  )
  for (const text of [stdout + stderr, ...files]) expect(text).toContain('there is no v9 in app')
  const shown = await cli.run(['executions', 'show', 'last', '--json'])
  const { tasks } = JSON.parse(shown.stdout)
  expect(tasks.filter(({ status }: { status: string }) => status === 'failed')).toMatchObject([
    { src_resource: 'from/app:v9', error: { code: 'missing' } },
  ])
  expect(destination.repository('mirror/app').tags.has('v1')).toBe(true)
})

test('so does a copy of it', async () => {
  const source = await registry()
  source.add('app', image(), 'v1')
  const cli = program()
  const host = new URL(source.url).host
  const { code, stdout, stderr } = await cli.run(['copy', `${host}/app:v9`, 'oci:out'])
  expect(code).toBe(1)
  expect(stdout + stderr).toContain('there is no v9 in app')
})

test('charts are named as helm shows their versions', async () => {
  const source = await registry()
  source.add('app', image(), '1.2.0_up1')
  const cli = program()
  const host = new URL(source.url).host
  const { code } = await cli.run(['copy', `${host}/app:1.2.0+up1`, 'oci:out'])
  expect(code).toBe(0)
})
